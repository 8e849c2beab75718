import java.io.*;

public class Main {
  static int[] first, next;

  static int depth(int node) {
    int deepest = 0;
    for (int child = first[node]; child != 0; child = next[child]) deepest = Math.max(deepest, depth(child));
    return deepest + 1;
  }

  public static void main(String[] args) throws IOException {
    var in = new StreamTokenizer(new BufferedInputStream(System.in));
    in.nextToken();
    int n = (int) in.nval;
    first = new int[n + 1];
    next = new int[n + 1];
    for (int node = 2; node <= n; node++) {
      in.nextToken();
      int parent = (int) in.nval;
      next[node] = first[parent];
      first[parent] = node;
    }
    System.out.println(depth(1));
  }
}
