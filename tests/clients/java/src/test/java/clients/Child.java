package clients;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A running process of the binary under test, and what it has written to stderr so far. */
class Child implements AutoCloseable {
  private final Process process;
  private final List<String> lines = new ArrayList<>();
  private boolean silent;

  Child(Map<String, String> environment, List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(System.getProperty("binary")));
    command.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD);
    builder.environment().clear();
    builder.environment().putAll(environment);
    process = builder.start();
    Thread reader = new Thread(this::read);
    reader.setDaemon(true);
    reader.start();
  }

  private void read() {
    try (BufferedReader stderr = process.errorReader()) {
      for (String line = stderr.readLine(); line != null; line = stderr.readLine()) {
        synchronized (lines) {
          lines.add(line);
          lines.notifyAll();
        }
      }
    } catch (IOException error) {
      // The process has ended.
    }
    synchronized (lines) {
      silent = true;
      lines.notifyAll();
    }
  }

  /** Waits for a line with the text. */
  String await(String text) throws InterruptedException {
    synchronized (lines) {
      return Patience.await(lines, "a line with " + text, () -> find(text));
    }
  }

  private Optional<String> find(String text) {
    Optional<String> found = lines.stream().filter(line -> line.contains(text)).findFirst();
    assertTrue(found.isPresent() || !silent, () -> "ended without " + text + ": " + lines);
    return found;
  }

  boolean wrote(String text) {
    synchronized (lines) {
      return lines.stream().anyMatch(line -> line.contains(text));
    }
  }

  void signal(String name) throws IOException, InterruptedException {
    int sent = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor();
    assertTrue(sent == 0, "cannot send " + name);
  }

  /** Waits for the end; its exit code. */
  int awaitEnd() throws InterruptedException {
    assertTrue(process.waitFor(Patience.SECONDS, TimeUnit.SECONDS), "the process did not end");
    return process.exitValue();
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
