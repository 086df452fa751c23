/*
 * A Paccurate that costs next to nothing, so that what is measured is what stands in front of it.
 *
 * `java Upstream.java PORT NAME=FILE ...` answers `POST /NAME` with the bytes of FILE, and `POST /NAME/50` with them
 * 50 ms later; GET with 200 and nothing. Where a file has @KEYSTEM@@, the answer has the first ten characters of the
 * caller's API key. One thread, keep-alive and pipelining, bodies with Content-Length only. Prints "ready" when it
 * listens.
 */

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Locale;
import java.util.Map;
import java.util.PriorityQueue;

final class Upstream {
    private static final byte[] PLACEHOLDER = "@KEYSTEM@@".getBytes(StandardCharsets.ISO_8859_1);
    private static final byte[] NO_KEYSTEM = "unknown-00".getBytes(StandardCharsets.ISO_8859_1);
    private static final int MOST_HEAD = 1 << 16;

    /** An answer in two parts, with the caller's keystem between them. */
    private record Answer(ByteBuffer before, ByteBuffer after, boolean withKeystem) {
        static Answer of(int status, byte[] body) {
            String head = "HTTP/1.1 " + status + (status == 200 ? " OK" : " Not Found")
                + "\r\nServer: upstream\r\nContent-Type: application/json\r\nContent-Length: " + body.length + "\r\n\r\n";
            int at = indexOf(body, PLACEHOLDER);
            int cut = at < 0 ? body.length : at;
            int next = at < 0 ? body.length : at + PLACEHOLDER.length;
            byte[] start = head.getBytes(StandardCharsets.ISO_8859_1);
            ByteBuffer before = ByteBuffer.allocateDirect(start.length + cut).put(start).put(body, 0, cut).flip();
            ByteBuffer after = ByteBuffer.allocateDirect(body.length - next).put(body, next, body.length - next).flip();
            return new Answer(before, after, at >= 0);
        }
    }

    private record Due(long at, long order, Connection connection, Answer answer, byte[] keystem) {}

    private final Map<String, Answer> answers = new HashMap<>();
    private final Answer empty = Answer.of(200, new byte[0]);
    private final Answer unknown = Answer.of(404, new byte[0]);
    private final PriorityQueue<Due> later = new PriorityQueue<>((one, other) ->
        one.at != other.at ? Long.compare(one.at, other.at) : Long.compare(one.order, other.order));
    private final Selector selector;
    private long asked;

    private Upstream(Selector selector) {
        this.selector = selector;
    }

    public static void main(String[] words) throws IOException {
        Selector selector = Selector.open();
        Upstream upstream = new Upstream(selector);
        for (int i = 1; i < words.length; i++) {
            String[] pair = words[i].split("=", 2);
            upstream.answers.put("/" + pair[0], Answer.of(200, Files.readAllBytes(Path.of(pair[1]))));
        }
        ServerSocketChannel listener = ServerSocketChannel.open();
        listener.setOption(StandardSocketOptions.SO_REUSEADDR, true);
        listener.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(words[0])), 4096);
        listener.configureBlocking(false);
        listener.register(selector, SelectionKey.OP_ACCEPT);
        System.out.println("ready");
        while (true) {
            upstream.turn(listener);
        }
    }

    private void turn(ServerSocketChannel listener) throws IOException {
        if (later.isEmpty()) {
            selector.select();
        } else {
            long wait = (later.peek().at - System.nanoTime() + 999_999) / 1_000_000;
            if (wait > 0) {
                selector.select(wait);
            } else {
                selector.selectNow();
            }
        }
        for (Iterator<SelectionKey> keys = selector.selectedKeys().iterator(); keys.hasNext(); keys.remove()) {
            SelectionKey key = keys.next();
            if (key.isValid() && key.isAcceptable()) {
                accept(listener);
            } else if (key.isValid()) {
                ((Connection) key.attachment()).ready();
            }
        }
        long now = System.nanoTime();
        while (!later.isEmpty() && later.peek().at <= now) {
            Due due = later.poll();
            due.connection.send(due.answer, due.keystem);
        }
    }

    private void accept(ServerSocketChannel listener) throws IOException {
        for (SocketChannel channel = listener.accept(); channel != null; channel = listener.accept()) {
            channel.configureBlocking(false);
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            Connection connection = new Connection(channel);
            connection.key = channel.register(selector, SelectionKey.OP_READ, connection);
        }
    }

    private final class Connection {
        private final SocketChannel channel;
        private final ArrayDeque<ByteBuffer> unsent = new ArrayDeque<>();
        private ByteBuffer in = ByteBuffer.allocate(1 << 13);
        private SelectionKey key;

        Connection(SocketChannel channel) {
            this.channel = channel;
        }

        void ready() {
            try {
                if (key.isWritable()) {
                    flush();
                }
                if (key.isValid() && key.isReadable()) {
                    if (channel.read(in) < 0) {
                        close();
                        return;
                    }
                    while (take()) {
                        // one request after the other
                    }
                    if (!in.hasRemaining()) {
                        in = ByteBuffer.allocate(in.capacity() * 2).put(in.flip());
                    }
                }
            } catch (IOException gone) {
                close();
            }
        }

        /** Answer the first request of what was read, if it is there whole. */
        private boolean take() throws IOException {
            int end = headEnd();
            if (end < 0) {
                if (in.position() > MOST_HEAD) {
                    throw new IOException("head too large");
                }
                return false;
            }
            String head = new String(in.array(), 0, end, StandardCharsets.ISO_8859_1);
            String low = head.toLowerCase(Locale.ROOT);
            int length = header(low, "content-length") < 0 ? 0 : Integer.parseInt(value(head, header(low, "content-length")));
            int whole = end + 4 + length;
            if (in.position() < whole) {
                return false;
            }
            in.flip().position(whole);
            in.compact();
            reply(head, low);
            return true;
        }

        private void reply(String head, String low) throws IOException {
            int path = head.indexOf(' ') + 1;
            String[] parts = head.substring(path, head.indexOf(' ', path)).split("[/?]");
            Answer answer = parts.length > 1 ? answers.getOrDefault("/" + parts[1], unknown) : unknown;
            if (!head.startsWith("POST ")) {
                answer = empty;
            }
            int authorization = header(low, "authorization");
            byte[] keystem = NO_KEYSTEM;
            if (authorization >= 0) {
                String key = value(head, authorization).replaceFirst("(?i)^apikey +", "");
                if (key.length() >= PLACEHOLDER.length) {
                    keystem = key.substring(0, PLACEHOLDER.length).getBytes(StandardCharsets.ISO_8859_1);
                }
            }
            if (parts.length > 2 && !parts[2].isEmpty() && Character.isDigit(parts[2].charAt(0))) {
                long at = System.nanoTime() + Long.parseLong(parts[2]) * 1_000_000;
                later.add(new Due(at, asked++, this, answer, keystem));
            } else {
                send(answer, keystem);
            }
        }

        void send(Answer answer, byte[] keystem) {
            if (!channel.isOpen()) {
                return;
            }
            unsent.add(answer.before.duplicate());
            if (answer.withKeystem) {
                unsent.add(ByteBuffer.wrap(keystem));
                unsent.add(answer.after.duplicate());
            }
            try {
                flush();
            } catch (IOException gone) {
                close();
            }
        }

        private void flush() throws IOException {
            while (!unsent.isEmpty()) {
                ByteBuffer[] parts = unsent.toArray(new ByteBuffer[0]);
                channel.write(parts);
                while (!unsent.isEmpty() && !unsent.peek().hasRemaining()) {
                    unsent.remove();
                }
                if (!unsent.isEmpty()) {
                    break;
                }
            }
            key.interestOps(unsent.isEmpty() ? SelectionKey.OP_READ : SelectionKey.OP_READ | SelectionKey.OP_WRITE);
        }

        private int headEnd() {
            byte[] bytes = in.array();
            for (int i = 3; i < in.position(); i++) {
                if (bytes[i] == '\n' && bytes[i - 1] == '\r' && bytes[i - 2] == '\n' && bytes[i - 3] == '\r') {
                    return i - 3;
                }
            }
            return -1;
        }

        private void close() {
            try {
                channel.close();
            } catch (IOException ignored) {
                // it is gone either way
            }
        }
    }

    /** Where the value of a header begins; -1 without it. */
    private static int header(String low, String name) {
        int at = low.indexOf("\r\n" + name + ":");
        return at < 0 ? -1 : at + name.length() + 3;
    }

    private static String value(String head, int from) {
        int end = head.indexOf("\r\n", from);
        return head.substring(from, end < 0 ? head.length() : end).trim();
    }

    private static int indexOf(byte[] whole, byte[] part) {
        for (int i = 0; i + part.length <= whole.length; i++) {
            int same = 0;
            while (same < part.length && whole[i + same] == part[same]) {
                same++;
            }
            if (same == part.length) {
                return i;
            }
        }
        return -1;
    }
}
