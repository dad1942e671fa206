package clients;

import com.google.gson.JsonParser;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A serving gateway in front of a sandbox. */
final class Gateway implements AutoCloseable {
  /** Opens nothing but sandboxes. */
  private static final String KEY = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

  private final List<String> flags;
  private String address = "127.0.0.1:0";
  private Child child;

  Gateway(Sandbox sandbox, String... flags) throws IOException, InterruptedException {
    this.flags = new ArrayList<>(List.of(flags));
    this.flags.addAll(
        List.of(
            "--base-urls", sandbox.api, "--sdk-app-id", "1400000001", "--upstream-pacing=false",
            "--admin-listen", "off", "--log-format", "json"));
    restart();
  }

  /** Starts it anew, where it listened before. */
  void restart() throws IOException, InterruptedException {
    List<String> arguments = new ArrayList<>(List.of("serve", "--listen", address));
    arguments.addAll(flags);
    child = new Child(Map.of("TIM_SECRET_KEY", KEY), arguments);
    String line = child.await("\"message\":\"serving\"");
    address = JsonParser.parseString(line).getAsJsonObject().get("address").getAsString();
  }

  String address() {
    return address;
  }

  Child child() {
    return child;
  }

  @Override
  public void close() {
    child.close();
  }
}
