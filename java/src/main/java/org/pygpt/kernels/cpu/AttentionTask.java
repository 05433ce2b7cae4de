package org.pygpt.kernels.cpu;

import org.pygpt.kernels.DropoutMask;
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
  int T;
  int past;
  int H;
  int D;
  int kvHeads;
  Tensor q;
  Tensor k;
  Tensor v;
  DropoutMask mask;
  Tensor out;
  Tensor logSums;
  Tensor dOut;
  Tensor dQ;
  Tensor dK;
  Tensor dV;
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

  void setForward(
      int T,
      int past,
      int H,
      int kvHeads,
      Tensor q,
      Tensor k,
      Tensor v,
      DropoutMask mask,
      Tensor out,
      Tensor logSums) {
    this.T = T;
    this.past = past;
    this.H = H;
    this.D = q.columns() / H;
    this.kvHeads = kvHeads;
    this.q = q;
    this.k = k;
    this.v = v;
    this.mask = mask;
    this.out = out;
    this.logSums = logSums;
    this.dOut = null;
    this.scale = (float) (1 / Math.sqrt(D));
  }

  void setBackward(Tensor dOut, Tensor dQ, Tensor dK, Tensor dV) {
    this.dOut = dOut;
    this.dQ = dQ;
    this.dK = dK;
    this.dV = dV;
  }

  void runHeads(int B) {
    long work = (long) B * H * T * (past + T) * D;
    if (work < PARALLEL_FROM) {
      run(0, 0, B * kvHeads);
    } else {
      team.run(this, B * kvHeads, 1);
    }
  }

  @Override
  public void run(int worker, int from, int to) {
    boolean one = T == 1 && mask == null && dOut == null;
    boolean isLong = one ? (past + 1) * D >= ONE_NATIVE_FROM : T * D >= NATIVE_FROM;
    Head head = isLong ? natives[worker] : small[worker];
    int group = H / kvHeads;
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
