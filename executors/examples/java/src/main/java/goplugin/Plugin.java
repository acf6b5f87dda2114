package goplugin;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyServerBuilder;
import io.netty.channel.ChannelOption;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.io.PrintStream;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.concurrent.CountDownLatch;
import java.util.logging.Level;
import java.util.logging.Logger;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * The plugin's side of HashiCorp's go-plugin: a host starts this program, reads one line from its stdout, and connects.
 *
 * <p>It knows nothing of executors. gRPC only; without the multiplexed broker. The protocol's variables stay in the environment, as Java
 * cannot remove them: whoever starts a process that may itself be a host takes {@code PLUGIN_*} out of its environment.
 */
public final class Plugin {
    /** How long the application may take to stop: a Go host kills two seconds after its Shutdown call. */
    private static final long CLEAN_UP_MS = 1_500;
    /** How long the last answers may take to leave. */
    private static final long FLUSH_MS = 300;
    /** HTTP/2 receive window: large requests are faster than with the default of 64 KiB. */
    private static final int WINDOW_BYTES = 1024 * 1024;
    private final Application application;
    private final CountDownLatch stop = new CountDownLatch(1);
    private final StdioService stdio = new StdioService();
    private final BrokerService broker = new BrokerService();
    private final NioEventLoopGroup loops = new NioEventLoopGroup(2, new DefaultThreadFactory("grpc", true));
    private Thread hostWatch;
    private Server server;
    private Path socket;
    private boolean isClosed;

    private Plugin(Application application) {
        this.application = application;
    }

    /** Be a plugin: the whole of {@code main}. Ends the process when the host says so, on signals, or when the host is gone. */
    public static void serve(Application application) {
        Environment environment = Environment.read(System.getenv(), application.cookie());
        if (environment == null) {
            System.err.println(application.introduction());
            System.exit(1);
        }
        Plugin plugin = new Plugin(application);
        Runtime.getRuntime().addShutdownHook(new Thread(plugin::close, "close"));
        try {
            plugin.start(environment);
            plugin.stop.await();
        } catch (IOException | GeneralSecurityException | InterruptedException | RuntimeException problem) {
            System.err.println("[ERROR] cannot serve: " + problem);
            System.exit(1);
        }
        System.exit(0);
    }

    private void start(Environment environment) throws IOException, GeneralSecurityException {
        // Ctrl-C in a terminal goes to the host as well, which decides.
        Signal.handle(new Signal("INT"), SignalHandler.SIG_IGN);
        quietLibraries();
        int version = Handshake.negotiate(application.versions(), environment.versions());
        Identity identity = environment.clientCertificate() == null ? null : Identity.create();
        socket = Socket.choose(environment.socketDirectory());
        NettyServerBuilder builder = NettyServerBuilder.forAddress(UnixDomainSocketAddress.of(socket))
                .channelType(NioServerDomainSocketChannel.class)
                .bossEventLoopGroup(loops)
                .workerEventLoopGroup(loops)
                .withChildOption(ChannelOption.SO_KEEPALIVE, null) // such sockets have none
                .maxInboundMessageSize(Integer.MAX_VALUE)
                .initialFlowControlWindow(WINDOW_BYTES)
                .addService(new HealthService())
                .addService(new ControllerService(stop::countDown))
                .addService(broker)
                .addService(stdio);
        for (BindableService service : application.services(version)) builder.addService(service);
        if (identity != null) builder.sslContext(tls(identity, environment.clientCertificate()).build());
        server = builder.build().start();
        Socket.protect(socket, environment.socketGroup());

        PrintStream stdout = System.out;
        stdio.capture();
        hostWatch = HostWatch.start(environment.hasLifeline(), stop::countDown);
        stdout.print(Handshake.line(
                version, socket, identity == null ? null : identity.certificate(), environment.asksForMultiplexing()));
        stdout.flush();
    }

    /** What libraries log goes to stderr, in lines that hosts can read; what is below a warning is of no use to anybody. */
    private static void quietLibraries() {
        System.setProperty("java.util.logging.SimpleFormatter.format", "[WARN] %5$s%6$s%n");
        Logger.getLogger("").setLevel(Level.WARNING);
    }

    /** AutoMTLS: both sides make a certificate for this one connection and accept nothing but the other's. */
    private static SslContextBuilder tls(Identity identity, String hostCertificate) throws GeneralSecurityException {
        HostOnly trust = new HostOnly(Identity.parse(hostCertificate.getBytes(StandardCharsets.US_ASCII)));
        // Java's own TLS knows the curve that Go's hosts use, P-521; Netty's native one does not.
        return GrpcSslContexts.configure(
                        SslContextBuilder.forServer(identity.key(), identity.certificate()), SslProvider.JDK)
                .trustManager(trust)
                .clientAuth(ClientAuth.REQUIRE)
                .protocols("TLSv1.3");
    }

    /** Stop what runs, then the server, and remove the socket. Bounded; idempotent. */
    private synchronized void close() {
        if (isClosed) return;
        isClosed = true;
        try {
            Thread stopping = new Thread(this::stopApplication, "stop");
            stopping.setDaemon(true);
            stopping.start();
            stopping.join(CLEAN_UP_MS);
            if (stopping.isAlive()) System.err.println("[ERROR] the work did not stop in time");
            stdio.close();
            broker.close();
            if (server != null) {
                server.shutdown().awaitTermination(FLUSH_MS, MILLISECONDS);
                server.shutdownNow();
            }
            if (socket != null) Files.deleteIfExists(socket);
            // The JVM waits a third of a second for threads that are in a call of the system.
            if (hostWatch != null) hostWatch.interrupt();
            loops.shutdownGracefully(0, FLUSH_MS, MILLISECONDS).await(FLUSH_MS);
        } catch (InterruptedException | IOException problem) {
            System.err.println("[ERROR] not everything was cleaned up: " + problem);
        }
    }

    private void stopApplication() {
        try {
            application.stop();
        } catch (InterruptedException never) {
            Thread.currentThread().interrupt();
        }
    }
}
