// The heap of the runtime is as large as the problem allows.
import java.util.ArrayList;

public class Main {
  public static void main(String[] args) {
    var kept = new ArrayList<byte[]>();
    for (;;) kept.add(new byte[1 << 20]);
  }
}
