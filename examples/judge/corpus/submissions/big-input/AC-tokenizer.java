import java.io.*;

public class Main {
  public static void main(String[] args) throws IOException {
    var in = new StreamTokenizer(new BufferedInputStream(System.in));
    in.nextToken();
    long here = 0, best = -1000000;
    for (int n = (int) in.nval; n > 0; n--) {
      in.nextToken();
      here = Math.max(here, 0) + (long) in.nval;
      best = Math.max(best, here);
    }
    System.out.println(best);
  }
}
