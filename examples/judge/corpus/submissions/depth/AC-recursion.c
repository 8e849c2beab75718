// Two hundred thousand calls deep: the stack is as large as the memory.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int first[200001], next[200001];

static int depth(int node) {
  int deepest = 0;
  for (int child = first[node]; child; child = next[child]) {
    int below = depth(child);
    if (below > deepest) deepest = below;
  }
  return deepest + 1;
}

int main(void) {
  int n, parent;
  if (scanf("%d", &n) != 1) return 1;
  for (int node = 2; node <= n; node++) {
    if (scanf("%d", &parent) != 1) return 1;
    next[node] = first[parent];
    first[parent] = node;
  }
  printf("%d\n", depth(1));
}
