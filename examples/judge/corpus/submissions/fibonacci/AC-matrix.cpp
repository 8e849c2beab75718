#include <array>
#include <iostream>

using Matrix = std::array<unsigned long long, 4>;
constexpr unsigned long long kModulus = 1000000007;

static Matrix multiply(const Matrix &a, const Matrix &b) {
  return {(a[0] * b[0] + a[1] * b[2]) % kModulus, (a[0] * b[1] + a[1] * b[3]) % kModulus,
          (a[2] * b[0] + a[3] * b[2]) % kModulus, (a[2] * b[1] + a[3] * b[3]) % kModulus};
}

int main() {
  unsigned long long n;
  std::cin >> n;
  Matrix result{1, 0, 0, 1}, power{1, 1, 1, 0};
  for (; n > 0; n /= 2) {
    if (n % 2) result = multiply(result, power);
    power = multiply(power, power);
  }
  std::cout << result[1] << '\n';
}
