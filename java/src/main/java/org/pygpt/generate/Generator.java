package org.pygpt.generate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedSet;
import java.util.stream.IntStream;
import org.pygpt.graph.Step;
import org.pygpt.model.GPT;
import org.pygpt.model.Session;
import org.pygpt.tensor.ClosedException;

/**
 * Mutable: continues prompts, many at a time, with a key/value cache for each. More may be
 * submitted at any time, each with options of its own.
 *
 * <p>A prompt is read at once, or in parts of {@link #PART} tokens while others are running, and
 * once only for equal ones that follow each other; where each is read whole, others of its length
 * are read with it as far as this changes no bit. After that a step is one token of every sequence
 * whose prompt is read, so that each weight is read once for all of them; steps take turns with
 * parts of prompts, and short prompts with those of a long one. A sequence that ends leaves the
 * step, and its cache to others. While few run, a step also reads what those that want it are
 * guessed to go on with ({@link PromptLookup}), as further rows. What follows a prompt is what
 * would follow it alone: see docs/generate.md.
 *
 * <p>Any thread may at any time call any method, and those of a {@link Sequence}: {@link #submit},
 * {@link #cancel}, {@link #queued} and {@link #interrupt} at once, the others in a {@link GPT#turn}
 * of the model. If the weights are changed, sequences go on with the keys and values that they
 * have, and no other sequence gets those.
 *
 * <pre>{@code
 * try (Generator generator = new Generator(model)) {
 *   Sequence sequence =
 *       generator.submit(Request.seeded(prompt, 20, SamplingOptions.GREEDY, stops, 0, seed));
 *   while (generator.advance()) {}
 *   int[] continuation = sequence.tokens(0);
 * }
 * }</pre>
 */
public final class Generator implements AutoCloseable {
  /** Sequences of a step at most: with more, its time is arithmetic and no longer the weights'. */
  public static final int AT_ONCE = 32;

  /**
   * Tokens of a prompt that are read between two steps. Parts of 256 take 8 % more time a token
   * than a whole prompt does, parts of {@link #ALONE} none.
   */
  static final int PART = 256;

  /** Tokens of a prompt that are read at once while no other sequence runs. */
  static final int ALONE = 1024;

  /** Tokens of short prompts that are read at once. */
  private static final int TOGETHER = 256;

  /** No fewer are left for the last part: products of fewer rows are others, and slower. */
  private static final int LEAST = Step.PART;

  private final GPT model;
  private final int atOnce;
  private final boolean exact;
  private final CachePool caches;
  private final Choosing choosing;
  private final SequencedSet<Sequence> queue = new LinkedHashSet<>(); // its own lock guards it
  private final List<Sequence> running = new ArrayList<>(); // a step adds a token to each
  private Sequence reading; // its prompt is being read; null for none
  private final List<Sequence> beside = new ArrayList<>(); // their prompts are read with it
  private Sequence paused; // its prompt is read on after the one of reading; null for none
  private boolean closed; // read and written in turns
  private int budget; // tokens of prompts that may be read before the next step
  volatile Session session; // null before the first is needed
  private int sessionSequences;
  private int sessionRows;
  private long sessionWiring;

  /** A generator for at most {@link #AT_ONCE} sequences at once, which is not exact. */
  public Generator(GPT model) {
    this(model, AT_ONCE, false);
  }

  /**
   * Allocates nothing yet.
   *
   * @param atOnce most sequences at once, up to {@link #AT_ONCE}; others wait
   * @param exact whether every sequence is computed as it would be alone: every prompt is read
   *     whole and before the next step, and more sequences than have the same bits as one run
   *     together only if they were submitted together. Else long ones are read in parts, with a
   *     step of the running sequences after each, and a prompt that begins as a sequence whose
   *     cache is still there is read from where it differs; logits then differ by rounding.
   */
  public Generator(GPT model, int atOnce, boolean exact) {
    if (atOnce < 1 || atOnce > AT_ONCE) {
      throw new IllegalArgumentException("at once: expected 1 to " + AT_ONCE + ", got " + atOnce);
    }
    this.model = model;
    this.atOnce = atOnce;
    this.exact = exact;
    caches = new CachePool(model, AT_ONCE, !exact);
    choosing = new Choosing(model.kernels(), model.config().vocabSize());
  }

  /** Puts a request last in the queue; see the other method. */
  public Sequence submit(Request request) {
    return submit(List.of(request)).getFirst();
  }

  /**
   * Puts requests last in the queue: all of them, or none.
   *
   * @return what will be added to each prompt
   * @throws IllegalArgumentException if the model cannot continue one
   * @throws org.pygpt.tensor.TooLargeError if a cache does not fit into memory
   */
  public List<Sequence> submit(List<Request> requests) {
    List<Sequence> sequences = new ArrayList<>();
    for (Request request : requests) {
      request.check(model.config().vocabSize(), model.config().blockSize());
      Sequence sequence = new Sequence(request, sequences, requests.size());
      caches.require(sequence.positions(model.config().blockSize()));
      sequences.add(sequence);
    }
    synchronized (queue) {
      queue.addAll(sequences);
    }
    return List.copyOf(sequences);
  }

  /**
   * Ends a sequence where it is; if it has a cache, the next {@link #advance} gives that back.
   * Nothing happens if it has ended.
   */
  public void cancel(Sequence sequence) {
    sequence.end();
    synchronized (queue) {
      queue.remove(sequence);
    }
  }

  /** Sequences that wait for a cache. */
  public int queued() {
    synchronized (queue) {
      return queue.size();
    }
  }

  /** Sequences that have a cache. */
  public int running() {
    try (var _ = model.lastTurn()) {
      return caches.used();
    }
  }

  /** Size in bytes of all caches, also of those that no sequence has. */
  public long cacheBytes() {
    try (var _ = model.lastTurn()) {
      return caches.bytes();
    }
  }

  /** A {@link GPT#turn} of the model, if this is not closed. */
  public GPT.Turn turn() {
    GPT.Turn turn = model.turn();
    if (closed) {
      turn.close();
      throw new ClosedException("generator");
    }
    return turn;
  }

  /**
   * Runs the model once: on a part of the next prompt if there is a cache for it, or on the last
   * token of each running sequence.
   *
   * @return whether there are more tokens to add
   * @throws java.util.concurrent.CancellationException after {@link #interrupt}; the next call goes
   *     on where this one began
   */
  public boolean advance() {
    try (var _ = turn()) {
      return runOnce();
    }
  }

  private boolean runOnce() {
    releaseEnded();
    if (reading == null) {
      reading = paused == null ? admitted(first()) : paused;
      paused = null;
    }
    if (reading != null && (running.isEmpty() || budget > 0)) {
      read();
    } else if (!running.isEmpty()) {
      step();
      budget = part();
    }
    releaseEnded();
    boolean more = reading != null || paused != null || !running.isEmpty() || queued() > 0;
    if (exact && !more) {
      rest();
    }
    return more;
  }

  /** Gives caches back, which serve nobody else, and activations that are too large to be kept. */
  private void rest() {
    caches.forget();
    if (session != null && session.tape().byteSize() > GPT.SPARE_BYTES) {
      closeSession();
      sessionSequences = 0;
      sessionRows = 0;
    }
  }

  /** Gives back what sequences hold that have ended; {@link #advance} does so by itself. */
  public void tidy() {
    try (var _ = turn()) {
      releaseEnded();
      if (exact && caches.used() == 0) {
        rest();
      }
    }
  }

  /** Most tokens that are read at once. */
  private int part() {
    if (exact) {
      return Integer.MAX_VALUE;
    }
    return running.isEmpty() ? ALONE : PART;
  }

  /** Gives the caches of sequences that have ended back. */
  private void releaseEnded() {
    for (int i = beside.size() - 1; i >= 0; i--) {
      if (beside.get(i).ended()) {
        release(beside.remove(i));
      }
    }
    if (reading != null && reading.ended()) {
      release(reading);
      reading = beside.isEmpty() ? null : beside.removeFirst();
    }
    if (paused != null && paused.ended()) {
      release(paused);
      paused = null;
    }
    for (int i = running.size() - 1; i >= 0; i--) {
      if (running.get(i).ended()) {
        release(running.remove(i));
      }
    }
  }

  private void release(Sequence sequence) {
    caches.release(sequence.cache());
    sequence.setCache(null);
  }

  /** A sequence of the queue, with a cache; null if there is none, or no room for one. */
  private Sequence admitted(Sequence first) {
    if (first == null || !joins(first)) {
      return null;
    }
    try {
      first.setCache(
          caches.take(first.request().prompt(), first.positions(model.config().blockSize())));
    } catch (OutOfMemoryError error) { // others took what was free when it was submitted
      dequeue(first).fail(error);
    }
    return first.cache() == null ? null : dequeue(first);
  }

  private boolean joins(Sequence next) {
    if (running.isEmpty() || !exact) {
      return running.size() + (paused == null ? 0 : 1) < atOnce;
    }
    int alike = model.rowsAlike();
    Sequence other = running.getFirst();
    int most = other.groupSize() > alike ? atOnce : Math.min(alike, atOnce);
    return next.joins(other, alike) && running.size() < most;
  }

  private Sequence first() {
    synchronized (queue) {
      return queue.isEmpty() ? null : queue.getFirst();
    }
  }

  private Sequence dequeue(Sequence sequence) {
    synchronized (queue) {
      queue.remove(sequence);
    }
    return sequence;
  }

  /**
   * Reads a part of a prompt, or a whole one together with others of its length; after the last
   * part, begins its sequence, and those that equal it.
   */
  private void read() {
    int unread = reading.unread();
    int count = unread - part() < LEAST ? unread : part();
    boolean last = count == unread;
    if (last && exact) {
      gather(count);
    }
    List<Sequence> together = new ArrayList<>(List.of(reading));
    together.addAll(beside);
    int rows = together.size() * count;
    if (!prepare(together.size(), rows, together.getLast())) {
      return;
    }
    session.setIds(together.stream().flatMapToInt(s -> s.unread(count)).toArray());
    List<KeyValueCache> pasts = together.stream().map(Sequence::cache).toList();
    session.tape().forward(last ? Step.forward(count, pasts) : Step.part(count, pasts.getFirst()));
    for (Sequence sequence : together) {
      KeyValueCache cache = sequence.cache();
      cache.add(sequence.request().prompt(), cache.length(), count);
    }
    budget -= rows;
    if (last) {
      reading = null;
      beside.clear();
      begin(together);
    } else {
      letPass();
    }
  }

  /**
   * Takes the next ones of the queue to be read beside {@link #reading}, while they are as long and
   * each row of the step has the bits that it has alone.
   */
  private void gather(int count) {
    int most = Math.min(TOGETHER, model.rowsAlike()) / count;
    int alike = model.rowsAlike();
    Sequence other = running.isEmpty() ? reading : running.getFirst();
    int places = other.groupSize() > alike ? atOnce : Math.min(alike, atOnce);
    while (1 + beside.size() < Math.min(most, places - running.size())) {
      Sequence next = first();
      boolean joins = next != null && next.joins(other, alike);
      if (!joins || next.request().prompt().length != count || isKnown(next)) {
        return;
      }
      Sequence admitted = admitted(next);
      if (admitted == null) {
        return;
      }
      beside.add(admitted);
    }
  }

  /** Whether a prompt is among those that are being read, so that it need not be. */
  private boolean isKnown(Sequence next) {
    int[] prompt = next.request().prompt();
    return isEqual(reading, prompt) || beside.stream().anyMatch(s -> isEqual(s, prompt));
  }

  private static boolean isEqual(Sequence sequence, int[] prompt) {
    return Arrays.equals(sequence.request().prompt(), prompt);
  }

  /** Begins sequences whose prompts have just been read, and those that equal them. */
  private void begin(List<Sequence> read) {
    for (int row = 0; row < read.size(); row++) {
      begin(read.get(row), row);
    }
    for (Sequence next = first(); next != null && joins(next); next = first()) {
      int[] prompt = next.request().prompt();
      int row = 0;
      while (row < read.size() && !isEqual(read.get(row), prompt)) {
        row++;
      }
      if (row == read.size()) {
        return;
      }
      KeyValueCache cache = read.get(row).cache();
      next.setCache(caches.copy(cache, next.positions(model.config().blockSize())));
      if (next.cache() == null) {
        return;
      }
      begin(dequeue(next), row);
    }
  }

  /** After a part of a long prompt the first short one of the queue is read, whole. */
  private void letPass() {
    Sequence next;
    synchronized (queue) {
      next = queue.stream().filter(Generator::isShort).findFirst().orElse(null);
    }
    paused = reading;
    reading = admitted(next);
    if (reading == null) {
      reading = paused;
      paused = null;
    }
  }

  private static boolean isShort(Sequence sequence) {
    return sequence.request().prompt().length <= PART;
  }

  /** Adds the first token of a sequence whose prompt has just been read. */
  private void begin(Sequence sequence, int row) {
    choosing.first(sequence, session.logits(), row);
    running.add(sequence);
    if (running.size() == 1) {
      budget = part();
    }
  }

  /** One more token of each running sequence, or several where they were guessed. */
  private void step() {
    int blockSize = model.config().blockSize();
    List<Sequence> within = new ArrayList<>();
    for (Sequence sequence : running) {
      if (sequence.isBeyond(blockSize)) {
        slide(sequence, blockSize);
      } else {
        within.add(sequence);
      }
    }
    List<int[]> guesses = guesses(within);
    int[] ids = IntStream.range(0, within.size()).flatMap(i -> read(within, guesses, i)).toArray();
    if (ids.length == 0 || !prepare(ids.length, ids.length, within.getLast())) {
      return;
    }
    List<Step.Past> pasts = new ArrayList<>();
    for (int i = 0; i < within.size(); i++) {
      KeyValueCache cache = within.get(i).cache();
      IntStream.rangeClosed(0, guesses.get(i).length).forEach(n -> pasts.add(cache.ahead(n)));
    }
    session.setIds(ids);
    session.tape().forward(Step.forward(1, pasts));
    choosing.next(within, guesses, ids, session.logits());
  }

  /** For each sequence what follows its last token in a step whose rows are as they are alone. */
  private List<int[]> guesses(List<Sequence> sequences) {
    int room = Math.min(PromptLookup.MOST + 1, model.rowsAlike()) - sequences.size();
    List<int[]> guesses = new ArrayList<>();
    for (Sequence sequence : sequences) {
      int[] guess = sequence.guess(Math.max(0, room));
      room -= guess.length;
      guesses.add(guess);
    }
    return guesses;
  }

  /** What a step reads of sequence i: its last token, and what may follow it. */
  private static IntStream read(List<Sequence> sequences, List<int[]> guesses, int i) {
    return IntStream.concat(IntStream.of(sequences.get(i).last()), Arrays.stream(guesses.get(i)));
  }

  /** One more token of a sequence that is longer than the context, whose end is read anew. */
  private void slide(Sequence sequence, int blockSize) {
    if (sequence.ended() || !prepare(1, blockSize, sequence)) {
      return;
    }
    int[] window = sequence.lastTokens(blockSize);
    KeyValueCache cache = sequence.cache();
    cache.truncate(0);
    session.setIds(window);
    session.tape().forward(Step.forward(blockSize, List.of(cache)));
    cache.add(window, 0, blockSize);
    choosing.first(sequence, session.logits(), 0);
  }

  /**
   * Sees to a session for so many sequences and rows. The first is made for what waits, later ones
   * for twice as much, so that they are few. Without memory for it, {@code last} fails and ends, so
   * that the others can go on.
   *
   * @return whether there is such a session
   */
  private boolean prepare(int sequences, int rows, Sequence last) {
    boolean changed = sessionWiring != model.wiring(); // it reads other weights then
    if (session != null && !changed && sequences <= sessionSequences && rows <= sessionRows) {
      return true;
    }
    int waiting;
    int longest = 1;
    synchronized (queue) {
      waiting = queue.size();
      for (Sequence sequence : queue) {
        longest = Math.max(longest, Math.min(part(), sequence.request().prompt().length));
      }
    }
    int newSequences = sessionSequences;
    if (sequences > sessionSequences) {
      int wanted = Math.max(2 * sessionSequences, running.size() + 1 + waiting);
      newSequences = Math.max(sequences, Math.min(atOnce, wanted));
    }
    int newRows = sessionRows;
    if (rows > sessionRows) {
      int wanted = Math.max(2 * sessionRows, longest);
      newRows = Math.max(rows, Math.min(part(), wanted));
    }
    newRows = Math.max(newRows, newSequences);
    closeSession();
    try {
      session = model.generation(newSequences, newRows);
    } catch (OutOfMemoryError error) {
      last.fail(error);
      return false;
    }
    sessionSequences = newSequences;
    sessionRows = newRows;
    sessionWiring = model.wiring();
    return true;
  }

  private void closeSession() {
    Session old = session;
    session = null;
    if (old != null) {
      old.close();
    }
  }

  /** Makes the call of {@link #advance} in progress, or the next one, stop between two ops. */
  public void interrupt() {
    Session current = session;
    if (current != null) {
      current.tape().cancel();
    }
  }

  /** Forgets an {@link #interrupt} that came after the end of the call that it was meant for. */
  public void resetInterrupt() {
    Session current = session;
    if (current != null) {
      current.tape().resetCancel();
    }
  }

  /**
   * Lets no prompt reuse what was read before: to be called after writing to the weights' own
   * memory. Training, drawing and rounding weights do so by themselves.
   */
  public void forget() {
    try (var _ = model.lastTurn()) {
      caches.forget();
    }
  }

  @Override
  public void close() {
    try (var _ = model.lastTurn()) {
      closed = true;
      caches.close();
      closeSession();
    }
  }
}
