package org.pygpt.kernels.cuda;

import java.util.HashMap;
import java.util.Map;

/**
 * Mutable: work that is asked of a card's stream, gathered until somebody waits for it, or it must
 * be there before something else. A sequence of kernels and products that comes again, as in every
 * step of a training or a generation, is recorded as a graph, which the driver starts in one call:
 * what small models need, whose kernels take less time than their starts.
 *
 * <p>Nothing of a graph is trusted: each sequence is gathered anew and compared with the one that
 * was recorded, and the nodes whose arguments differ (a position, a rate, a key of dropout, a
 * number of blocks) are changed before the graph starts. Where the driver refuses to record, or to
 * change, kernels are started one by one from then on.
 *
 * <p>The device's lock guards it.
 */
final class WorkQueue {
  /** System property: false to start every kernel by itself. */
  static final String GRAPHS = "pygpt.cuda.graphs";

  private static final int LEAST = 4; // entries; starting fewer costs no more than a graph
  private static final int MOST_GRAPHS = 64;

  private final CudaDevice device;
  private final Driver driver;
  private final CublasLt products;
  private final long stream;
  private final Map<Function, Long> functions;
  private final WorkList asked = new WorkList();
  private final Map<WorkList, Graph> graphs = new HashMap<>();
  private boolean recording = !"false".equals(System.getProperty(GRAPHS));

  /** Mutable: a sequence that was seen before, and the graph of it once it has come again. */
  private static final class Graph {
    private final WorkList work; // with the arguments that the nodes have
    private long[] nodes; // of the kernels; null before it is recorded
    private long recorded;
    private long executable;

    Graph(WorkList work) {
      this.work = work;
    }
  }

  /**
   * An empty queue.
   *
   * @param functions the kernels as the driver knows them
   */
  WorkQueue(CudaDevice device, Driver driver, CublasLt products, Map<Function, Long> functions) {
    this.device = device;
    this.driver = driver;
    this.products = products;
    this.functions = functions;
    stream = device.stream();
  }

  /** The list to add to, which has room. */
  WorkList asked() {
    if (asked.isFull()) {
      flush();
    }
    return asked;
  }

  /**
   * Hands over what was asked.
   *
   * @throws CudaException if the driver refuses
   */
  void flush() {
    try {
      if (asked.size() < LEAST || !recording || !startAsGraph()) {
        for (int entry = 0; entry < asked.size(); entry++) {
          check(entry, start(entry));
        }
      }
    } finally {
      asked.clear();
    }
  }

  private void check(int entry, int status) {
    if (status == 0) {
      return;
    }
    if (asked.isKernel(entry) || asked.isZero(entry)) {
      device.check(asked.name(entry), status);
    }
    CublasLt.check(asked.name(entry), status);
  }

  private int start(int entry) {
    if (asked.isKernel(entry)) {
      return driver.launch(
          functions.get(asked.kernel(entry)),
          asked.shape(entry, 0),
          asked.shape(entry, 1),
          asked.shape(entry, 2),
          asked.shape(entry, 3),
          asked.shape(entry, 4),
          asked.shape(entry, 5),
          stream,
          asked.parameters(entry));
    }
    if (asked.isZero(entry)) {
      return driver.zero(asked.number(entry, 0), asked.number(entry, 1), stream);
    }
    return products.start(
        asked.plan(entry),
        asked.number(entry, 0),
        asked.number(entry, 1),
        asked.number(entry, 2),
        asked.number(entry, 3) == 1);
  }

  // ---- graphs ----------------------------------------------------------------------------------

  /** Starts what was asked as a graph if it has come before; says whether it did. */
  private boolean startAsGraph() {
    Graph graph = graphs.get(asked);
    if (graph == null) {
      if (graphs.size() == MOST_GRAPHS) {
        forget();
      }
      WorkList copy = new WorkList(asked);
      graphs.put(copy, new Graph(copy));
      return false;
    }
    boolean ready = graph.nodes == null ? record(graph) : update(graph);
    if (!ready || driver.launchGraph(graph.executable, stream) != 0) {
      recording = false;
      forget();
      return false;
    }
    return true;
  }

  /** Records what was asked; the driver does nothing of it yet. */
  private boolean record(Graph graph) {
    if (driver.beginCapture(stream) != 0) {
      return false;
    }
    long[] nodes = new long[asked.size()];
    boolean taken = true;
    for (int entry = 0; entry < nodes.length && taken; entry++) {
      taken = start(entry) == 0;
      if (taken && asked.isKernel(entry)) {
        nodes[entry] = driver.capturedNode(stream);
        taken = nodes[entry] != 0;
      }
      graph.work.take(entry, asked);
    }
    graph.recorded = driver.endCapture(stream);
    graph.executable = taken && graph.recorded != 0 ? driver.instantiate(graph.recorded) : 0;
    graph.nodes = nodes;
    return graph.executable != 0;
  }

  /** Gives the nodes of a graph the arguments of what was asked. */
  private boolean update(Graph graph) {
    for (int entry = 0; entry < asked.size(); entry++) {
      if (asked.isKernel(entry) && !asked.isSame(entry, graph.work)) {
        if (!change(graph, entry)) {
          return false;
        }
        graph.work.take(entry, asked);
      }
    }
    return true;
  }

  private boolean change(Graph graph, int entry) {
    return driver.setParameters(
            graph.executable,
            graph.nodes[entry],
            functions.get(asked.kernel(entry)),
            asked.shape(entry, 0),
            asked.shape(entry, 1),
            asked.shape(entry, 2),
            asked.shape(entry, 3),
            asked.shape(entry, 4),
            asked.shape(entry, 5),
            asked.parameters(entry))
        == 0;
  }

  /** Frees all graphs, once none of them runs. */
  private void forget() {
    driver.synchronize(stream);
    for (Graph graph : graphs.values()) {
      driver.destroyGraph(graph.executable, graph.recorded);
    }
    graphs.clear();
  }
}
