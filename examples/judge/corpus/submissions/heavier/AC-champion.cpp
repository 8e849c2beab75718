#include <iostream>

int main() {
  int n, best = 1;
  std::cin >> n;
  for (int other = 2; other <= n; other++) {
    std::cout << "? " << best << ' ' << other << std::endl;
    std::cin >> best;
  }
  std::cout << "! " << best << std::endl;
}
