// Accepts any right pair. The answer file says whether there is one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int say(int code, const char *comment) {
  fprintf(stderr, "%s\n", comment);
  return code;
}

int main(int argc, char **argv) {
  FILE *input = fopen(argv[1], "r"), *output = fopen(argv[2], "r"), *answer = fopen(argv[3], "r");
  if (argc < 4 || !input || !output || !answer) abort();
  long long n, sum;
  static long long numbers[1001];
  char exists[8], rest[2];
  if (fscanf(input, "%lld %lld", &n, &sum) != 2 || n > 1000 || fscanf(answer, "%7s", exists) != 1) abort();
  for (long long i = 1; i <= n; i++)
    if (fscanf(input, "%lld", &numbers[i]) != 1) abort();

  long long i, j;
  if (fscanf(output, "%lld", &i) != 1) return say(2, "The output does not begin with an integer.");
  if (i == -1) {
    if (fscanf(output, "%1s", rest) == 1) return say(2, "There is more after -1.");
    return strcmp(exists, "no") == 0 ? say(0, "There is no pair, indeed.") : say(1, "There is a pair.");
  }
  if (fscanf(output, "%lld", &j) != 1) return say(2, "The second place is not an integer.");
  if (fscanf(output, "%1s", rest) == 1) return say(2, "There is more after the two places.");
  if (i < 1 || i > n || j < 1 || j > n) return say(1, "A place is out of range.");
  if (i == j) return say(1, "Both places are the same.");
  if (numbers[i] + numbers[j] != sum) return say(1, "The two do not add up to the sum.");
  return say(0, "A right pair.");
}
