#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  static double x[1000];
  int n;
  double sum = 0, squares = 0;
  if (scanf("%d", &n) != 1) return 1;
  for (int i = 0; i < n; i++) {
    if (scanf("%lf", &x[i]) != 1) return 1;
    sum += x[i];
  }
  for (int i = 0; i < n; i++) squares += (x[i] - sum / n) * (x[i] - sum / n);
  printf("%.9e %.9f\n", sum / n, sqrt(squares / n));
}
