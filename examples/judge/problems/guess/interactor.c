// Knows the number from the input, counts the guesses, and trusts nothing that it reads.
#include <stdio.h>
#include <stdlib.h>

static int say(int code, const char *comment) {
  fprintf(stderr, "%s\n", comment);
  return code;
}

int main(int argc, char **argv) {
  FILE *input = fopen(argv[1], "r");
  long secret, guess;
  if (argc < 2 || !input || fscanf(input, "%ld", &secret) != 1) abort();
  for (int count = 1; count <= 31; count++) {
    if (scanf("%ld", &guess) != 1) return say(1, "A guess is not an integer, or is missing.");
    puts(guess == secret ? "right" : guess > secret ? "less" : "more");
    fflush(stdout);
    if (guess == secret) return say(0, "Guessed.");
  }
  return say(1, "Too many guesses.");
}
