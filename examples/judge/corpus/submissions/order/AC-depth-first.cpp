#include <algorithm>
#include <functional>
#include <iostream>
#include <vector>

int main() {
  int n, m;
  std::cin >> n >> m;
  std::vector<std::vector<int>> after(n + 1);
  for (int a, b; m-- > 0 && std::cin >> a >> b;) after[a].push_back(b);
  std::vector<bool> seen(n + 1);
  std::vector<int> order;
  std::function<void(int)> visit = [&](int task) {
    if (seen[task]) return;
    seen[task] = true;
    for (int following : after[task]) visit(following);
    order.push_back(task);
  };
  for (int task = 1; task <= n; task++) visit(task);
  std::reverse(order.begin(), order.end());
  for (int task : order) std::cout << task << '\n';
}
