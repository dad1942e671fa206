package clients;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** What the tests did, for the last line of {@code run}. */
final class Report {
  private Report() {}

  static void add(String format, Object... values) throws IOException {
    Files.writeString(
        Path.of("target/ran"),
        String.format(format, values) + "\n",
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
  }
}
