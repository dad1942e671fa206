package clients;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.StreamSupport;

/** An emulated Tencent that gateways can share. */
final class Sandbox implements AutoCloseable {
  private final HttpClient http = HttpClient.newHttpClient();
  private final Child child;
  private final String control;

  /** Where gateways find it. */
  final String api;

  Sandbox() throws IOException, InterruptedException {
    child =
        new Child(
            Map.of(),
            List.of(
                "sandbox", "--listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0", "--auto-import",
                "--rate-scale", "0", "--limit-group-members", "100000"));
    api = lastWord(child.await(" API "));
    control = lastWord(child.await(" control "));
  }

  private static String lastWord(String line) {
    return line.substring(line.lastIndexOf(' ') + 1);
  }

  /** Sets a rule, written as JSON. */
  void fault(String rule) throws IOException, InterruptedException {
    ask("POST", "faults", rule);
  }

  void clearFaults() throws IOException, InterruptedException {
    ask("DELETE", "faults", "");
  }

  /** Waits until the only rule went off so often. */
  void awaitHits(int hits) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Patience.SECONDS);
    while (send("GET", "faults", "", JsonArray.class).get(0).getAsJsonObject().get("hits").getAsInt() < hits) {
      assertTrue(System.nanoTime() < deadline, "waited in vain for calls");
    }
  }

  /** Counts the calls of a command for a group, whatever became of them. */
  int calls(String command, String groupId) throws IOException, InterruptedException {
    String query = String.format("journal/count?command=%s&key=GroupId&value=%s", command, groupId);
    return ask("GET", query, "").get("count").getAsInt();
  }

  /** A group as the sandbox holds it. */
  Group group(String groupId) throws IOException, InterruptedException {
    JsonObject app = ask("GET", "snapshot", "").getAsJsonArray("apps").get(0).getAsJsonObject();
    JsonObject group =
        objects(app.getAsJsonArray("groups")).stream()
            .filter(object -> object.get("id").getAsString().equals(groupId))
            .findFirst()
            .orElseThrow();
    return new Group(
        objects(group.getAsJsonArray("members")).stream().map(member -> member.get("id").getAsString()).toList(),
        objects(group.getAsJsonObject("history").getAsJsonArray("messages")).stream().map(Sandbox::text).toList(),
        group.getAsJsonObject("counters").get("count").getAsInt());
  }

  record Group(List<String> members, List<String> messages, int count) {}

  private static String text(JsonObject message) {
    JsonElement element = JsonParser.parseString(message.get("body").getAsString()).getAsJsonArray().get(0);
    return element.getAsJsonObject().getAsJsonObject("MsgContent").get("Text").getAsString();
  }

  private static List<JsonObject> objects(JsonArray array) {
    return StreamSupport.stream(array.spliterator(), false).map(JsonElement::getAsJsonObject).toList();
  }

  private JsonObject ask(String method, String path, String body) throws IOException, InterruptedException {
    return send(method, path, body, JsonObject.class);
  }

  private <T> T send(String method, String path, String body, Class<T> type) throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(control + path))
            .header("content-type", "application/json")
            .method(method, BodyPublishers.ofString(body))
            .build();
    var reply = http.send(request, BodyHandlers.ofString());
    assertEquals(200, reply.statusCode(), reply.body());
    return new Gson().fromJson(reply.body(), type);
  }

  @Override
  public void close() {
    child.close();
  }
}
