// The mean of squares minus the square of the mean: all digits cancel.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  int n;
  float x, sum = 0, squares = 0;
  if (scanf("%d", &n) != 1) return 1;
  for (int i = 0; i < n; i++) {
    if (scanf("%f", &x) != 1) return 1;
    sum += x;
    squares += x * x;
  }
  printf("%f %f\n", sum / n, sqrt(fabs(squares / n - sum / n * sum / n)));
}
