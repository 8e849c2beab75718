import java.util.*;

public class Main {
  public static void main(String[] args) {
    var counts = new TreeMap<String, Integer>();
    for (var in = new Scanner(System.in); in.hasNext(); ) counts.merge(in.next(), 1, Integer::sum);
    counts.forEach((word, count) -> System.out.println(word + " " + count));
  }
}
