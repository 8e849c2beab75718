// A runtime with threads of its own that starts some more, all within its limit.
import java.util.Scanner;
import java.util.concurrent.Executors;

public class Main {
  public static void main(String[] args) throws Exception {
    Scanner in = new Scanner(System.in);
    long a = in.nextLong(), b = in.nextLong();
    var pool = Executors.newFixedThreadPool(4);
    System.out.println(pool.submit(() -> a + b).get());
    pool.shutdown();
  }
}
