package clients;

import io.grpc.Attributes;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientStreamTracer;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/** Watches what a client does below its calls: each attempt, and the gateway that it went to. */
final class Attempts implements ClientInterceptor {
  private static final Metadata.Key<String> PUSHBACK =
      Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER);

  private static final String TRANSPARENT = "transparent";

  private final Map<String, Integer> begun = new HashMap<>();
  private final Map<String, Integer> inFlight = new HashMap<>();
  private final Map<String, Integer> answered = new HashMap<>();
  private String latest = "";
  private int streak;
  private long pushbackMillis;

  /** Attempts of a method, without those in place of one that the library knows nobody has seen. */
  synchronized int of(MethodDescriptor<?, ?> method) {
    return begun.getOrDefault(method.getFullMethodName(), 0);
  }

  /** Those others, which the library makes without asking the service config. */
  synchronized int transparent() {
    return begun.getOrDefault(TRANSPARENT, 0);
  }

  synchronized int inFlight(String address) {
    return inFlight.getOrDefault(address, 0);
  }

  /** How many of the last successes came from there in a row. */
  synchronized int streak(String address) {
    return address.equals(latest) ? streak : 0;
  }

  /** The sum of what failed attempts were asked to wait. */
  synchronized long pushbackMillis() {
    return pushbackMillis;
  }

  synchronized void await(String what, BooleanSupplier holds) throws InterruptedException {
    Patience.await(this, what, () -> holds.getAsBoolean() ? Optional.of(true) : Optional.empty());
  }

  /** Waits until a gateway has answered some calls more. */
  synchronized void awaitAnswers(String address, int more) throws InterruptedException {
    int enough = answered.getOrDefault(address, 0) + more;
    await("answers of " + address, () -> answered.getOrDefault(address, 0) >= enough);
  }

  @Override
  public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
    var factory =
        new ClientStreamTracer.Factory() {
          @Override
          public ClientStreamTracer newClientStreamTracer(ClientStreamTracer.StreamInfo info, Metadata headers) {
            begin(info.isTransparentRetry() ? TRANSPARENT : method.getFullMethodName());
            return new Tracer();
          }
        };
    return next.newCall(method, options.withStreamTracerFactory(factory));
  }

  private synchronized void begin(String method) {
    begun.merge(method, 1, Integer::sum);
    notifyAll();
  }

  private synchronized void sent(String address) {
    inFlight.merge(address, 1, Integer::sum);
    notifyAll();
  }

  private synchronized void ended(String address, Status status) {
    inFlight.merge(address, -1, Integer::sum);
    if (status.isOk()) {
      answered.merge(address, 1, Integer::sum);
      streak = address.equals(latest) ? streak + 1 : 1;
      latest = address;
    }
    notifyAll();
  }

  private synchronized void askedToWait(long millis) {
    pushbackMillis += millis;
  }

  /** Follows one attempt. */
  private final class Tracer extends ClientStreamTracer {
    private String address;

    @Override
    public void streamCreated(Attributes transport, Metadata headers) {
      InetSocketAddress peer = (InetSocketAddress) transport.get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR);
      address = peer.getAddress().getHostAddress() + ":" + peer.getPort();
      sent(address);
    }

    @Override
    public void inboundTrailers(Metadata trailers) {
      String millis = trailers.get(PUSHBACK);
      if (millis != null) {
        askedToWait(Long.parseLong(millis));
      }
    }

    @Override
    public void streamClosed(Status status) {
      if (address != null) {
        ended(address, status);
      }
    }
  }
}
