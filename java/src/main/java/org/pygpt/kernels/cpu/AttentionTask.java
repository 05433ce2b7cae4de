package org.pygpt.kernels.cpu;

import org.pygpt.kernels.AttentionSpec;
import org.pygpt.kernels.DropoutMask;
import org.pygpt.kernels.Heads;
import org.pygpt.tensor.Tensor;

/**
 * Mutable (the arguments of one call): attention, divided among the team by sequences and heads of
 * keys. Queries are taken in blocks, so that only (keys, block) scores exist at a time.
 */
final class AttentionTask implements Team.Task {
  /** From this many multiply-adds on, waking the team costs less than it saves. */
  private static final long PARALLEL_FROM = 1 << 16;

  /** From this size of a head's queries, T * D, native products are faster than our own. */
  private static final int NATIVE_FROM = 64 * 48;

  /** Likewise for a single query, of the size of its keys. */
  private static final int ONE_NATIVE_FROM = 64 * 16;

  /** How the products of one head are made. */
  interface Head {
    /** Attention of query head h, which reads the keys of head g, in sequence b. */
    void forward(AttentionTask task, Staging staging, int b, int h, int g);

    /** Its gradient; clears dK and dV before the first query head of a group. */
    void backward(AttentionTask task, Staging staging, int b, int h, int g, boolean first);
  }

  private final Team team;
  private final Staging[] stagings;
  private final SmallHead[] small;
  private final NativeHead[] natives;
  AttentionSpec spec;
  int D;
  Tensor q;
  Tensor k;
  Tensor v;
  DropoutMask mask;
  Tensor out;
  Tensor logsumexp;
  Tensor dOut;
  Heads gradients;
  float scale;

  AttentionTask(Team team, Staging[] stagings) {
    this.team = team;
    this.stagings = stagings;
    small = new SmallHead[team.size()];
    natives = new NativeHead[team.size()];
    for (int worker = 0; worker < team.size(); worker++) {
      small[worker] = new SmallHead();
      natives[worker] = new NativeHead();
    }
  }

  void setForward(AttentionSpec spec, Heads in, DropoutMask mask, Tensor out, Tensor logsumexp) {
    this.spec = spec;
    this.D = in.q().columns() / spec.H();
    this.q = in.q();
    this.k = in.k();
    this.v = in.v();
    this.mask = mask;
    this.out = out;
    this.logsumexp = logsumexp;
    this.dOut = null;
    this.scale = (float) (1 / Math.sqrt(D));
  }

  void setBackward(Tensor dOut, Heads gradients) {
    this.dOut = dOut;
    this.gradients = gradients;
  }

  void runHeads() {
    int heads = spec.B() * spec.kvHeads();
    long work = (long) spec.B() * spec.H() * spec.queries() * spec.keys() * D;
    if (work < PARALLEL_FROM) {
      run(0, 0, heads);
    } else {
      team.run(this, heads, 1);
    }
  }

  @Override
  public void run(int worker, int from, int to) {
    boolean one = spec.queries() == 1 && mask == null && dOut == null;
    boolean isLong = one ? spec.keys() * D >= ONE_NATIVE_FROM : spec.queries() * D >= NATIVE_FROM;
    Head head = isLong ? natives[worker] : small[worker];
    int kvHeads = spec.kvHeads();
    int group = spec.H() / kvHeads;
    for (int unit = from; unit < to; unit++) {
      int b = unit / kvHeads;
      int g = unit % kvHeads;
      for (int h = g * group; h < (g + 1) * group; h++) {
        if (dOut == null) {
          head.forward(this, stagings[worker], b, h, g);
        } else {
          head.backward(this, stagings[worker], b, h, g, h == g * group);
        }
      }
    }
  }
}
