// The right digits with zero bytes between them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  long long a, b;
  if (scanf("%lld %lld", &a, &b) != 2) return 1;
  char text[32];
  int length = snprintf(text, sizeof text, "%lld", a + b);
  for (int i = 0; i < length; i++) {
    putchar(text[i]);
    putchar(0);
  }
}
