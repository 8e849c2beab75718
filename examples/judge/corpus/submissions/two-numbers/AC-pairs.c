#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  static int x[1000];
  int n, s;
  if (scanf("%d %d", &n, &s) != 2) return 1;
  for (int i = 0; i < n; i++)
    if (scanf("%d", &x[i]) != 1) return 1;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < i; k++)
      if (x[i] + x[k] == s) return printf("%d %d\n", i + 1, k + 1), 0;
  puts("-1");
}
