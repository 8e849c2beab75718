import java.util.*;

public class Main {
  public static void main(String[] args) {
    var in = new Scanner(System.in);
    long n = in.nextLong(), m = in.nextLong(), x = 1;
    var seen = new byte[(int) (m / 8 + 1)];
    int count = 0;
    for (long i = 0; i < n; i++) {
      int bit = 1 << (x & 7);
      if ((seen[(int) (x >> 3)] & bit) == 0) count++;
      seen[(int) (x >> 3)] |= (byte) bit;
      x = (x * x + i) % m;
    }
    System.out.println(count);
  }
}
