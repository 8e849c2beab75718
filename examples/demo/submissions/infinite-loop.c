// Expected verdict: CPU time limit
//
// Never advances, and never gives the processor back.
int main(void) {
  volatile unsigned long position = 0;
  for (;;) position += 0;
}
