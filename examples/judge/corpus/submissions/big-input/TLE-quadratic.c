#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  static int numbers[400000];
  int n;
  long best = -1000000;
  if (scanf("%d", &n) != 1) return 1;
  for (int i = 0; i < n; i++)
    if (scanf("%d", &numbers[i]) != 1) return 1;
  for (int i = 0; i < n; i++) {
    long sum = 0;
    for (int k = i; k < n; k++) {
      sum += numbers[k];
      if (sum > best) best = sum;
    }
  }
  printf("%ld\n", best);
}
