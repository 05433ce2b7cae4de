package org.pygpt.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.pygpt.kernels.cuda.Libraries.function;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * The functions of libcuda that are used. Pointers that the device or the driver owns are numbers.
 *
 * @see <a href="https://docs.nvidia.com/cuda/cuda-driver-api/">CUDA driver API</a>
 */
final class Driver {
  static final String LIBRARY = "libcuda.so.1";

  static final int OUT_OF_MEMORY = 2;
  static final int NO_DEVICE = 100;

  /** Enumerators of CUdevice_attribute. */
  static final int MULTIPROCESSORS = 16;

  static final int SHARED_BYTES_OPT_IN = 97; // of a block, at most
  static final int CAPABILITY_MAJOR = 75;
  static final int CAPABILITY_MINOR = 76;

  /** Enumerator of CUfunction_attribute. */
  static final int MAX_DYNAMIC_SHARED_BYTES = 8;

  private static final int NON_BLOCKING = 1; // CU_STREAM_NON_BLOCKING
  private static final int RELAXED = 2; // CU_STREAM_CAPTURE_MODE_RELAXED: whatever others do
  private static final int NODE_BYTES = 72; // CUDA_KERNEL_NODE_PARAMS_v2
  private static final int MAX_NAME = 256;

  private final MethodHandle init;
  private final MethodHandle driverGetVersion;
  private final MethodHandle deviceGetCount;
  private final MethodHandle deviceGet;
  private final MethodHandle deviceGetName;
  private final MethodHandle deviceGetAttribute;
  private final MethodHandle deviceTotalMemory;
  private final MethodHandle contextRetain;
  private final MethodHandle contextSet;
  private final MethodHandle memoryInfo;
  private final MethodHandle allocate;
  private final MethodHandle free;
  private final MethodHandle hostAllocate;
  private final MethodHandle upload;
  private final MethodHandle download;
  private final MethodHandle set;
  private final MethodHandle streamCreate;
  private final MethodHandle streamSynchronize;
  private final MethodHandle moduleLoad;
  private final MethodHandle moduleFunction;
  private final MethodHandle functionSet;
  private final MethodHandle launch;
  private final MethodHandle captureBegin;
  private final MethodHandle captureInfo;
  private final MethodHandle captureEnd;
  private final MethodHandle graphInstantiate;
  private final MethodHandle graphSet;
  private final MethodHandle graphLaunch;
  private final MethodHandle graphExecDestroy;
  private final MethodHandle graphDestroy;
  private final MethodHandle errorName;
  private final MemorySegment node = Arena.global().allocate(NODE_BYTES, 8);

  Driver(SymbolLookup cuda) {
    init = function(cuda, "cuInit", JAVA_INT);
    driverGetVersion = function(cuda, "cuDriverGetVersion", ADDRESS);
    deviceGetCount = function(cuda, "cuDeviceGetCount", ADDRESS);
    deviceGet = function(cuda, "cuDeviceGet", ADDRESS, JAVA_INT);
    deviceGetName = function(cuda, "cuDeviceGetName", ADDRESS, JAVA_INT, JAVA_INT);
    deviceGetAttribute = function(cuda, "cuDeviceGetAttribute", ADDRESS, JAVA_INT, JAVA_INT);
    deviceTotalMemory = function(cuda, "cuDeviceTotalMem_v2", ADDRESS, JAVA_INT);
    contextRetain = function(cuda, "cuDevicePrimaryCtxRetain", ADDRESS, JAVA_INT);
    contextSet = function(cuda, "cuCtxSetCurrent", JAVA_LONG);
    memoryInfo = function(cuda, "cuMemGetInfo_v2", ADDRESS, ADDRESS);
    allocate = function(cuda, "cuMemAlloc_v2", ADDRESS, JAVA_LONG);
    free = function(cuda, "cuMemFree_v2", JAVA_LONG);
    hostAllocate = function(cuda, "cuMemHostAlloc", ADDRESS, JAVA_LONG, JAVA_INT);
    upload = function(cuda, "cuMemcpyHtoDAsync_v2", JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG);
    download = function(cuda, "cuMemcpyDtoHAsync_v2", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    set = function(cuda, "cuMemsetD8Async", JAVA_LONG, JAVA_BYTE, JAVA_LONG, JAVA_LONG);
    streamCreate = function(cuda, "cuStreamCreate", ADDRESS, JAVA_INT);
    streamSynchronize = function(cuda, "cuStreamSynchronize", JAVA_LONG);
    moduleLoad = function(cuda, "cuModuleLoadData", ADDRESS, ADDRESS);
    moduleFunction = function(cuda, "cuModuleGetFunction", ADDRESS, JAVA_LONG, ADDRESS);
    functionSet = function(cuda, "cuFuncSetAttribute", JAVA_LONG, JAVA_INT, JAVA_INT);
    launch =
        function(
            cuda,
            "cuLaunchKernel",
            JAVA_LONG,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_INT,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG);
    captureBegin = function(cuda, "cuStreamBeginCapture_v2", JAVA_LONG, JAVA_INT);
    captureInfo =
        function(
            cuda,
            "cuStreamGetCaptureInfo_v2",
            JAVA_LONG,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS,
            ADDRESS);
    captureEnd = function(cuda, "cuStreamEndCapture", JAVA_LONG, ADDRESS);
    graphInstantiate = function(cuda, "cuGraphInstantiateWithFlags", ADDRESS, JAVA_LONG, JAVA_LONG);
    graphSet = function(cuda, "cuGraphExecKernelNodeSetParams_v2", JAVA_LONG, JAVA_LONG, ADDRESS);
    graphLaunch = function(cuda, "cuGraphLaunch", JAVA_LONG, JAVA_LONG);
    graphExecDestroy = function(cuda, "cuGraphExecDestroy", JAVA_LONG);
    graphDestroy = function(cuda, "cuGraphDestroy", JAVA_LONG);
    errorName = function(cuda, "cuGetErrorName", JAVA_INT, ADDRESS);
  }

  /** A call; what a native function cannot throw is an error of ours. */
  @FunctionalInterface
  private interface Call {
    int run() throws Throwable;
  }

  private static int status(Call call) {
    try {
      return call.run();
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  private void check(String what, Call call) {
    check(what, status(call));
  }

  /** Throws what a status other than success means. */
  void check(String what, int status) {
    if (status != 0) {
      throw new CudaException("cuda: " + what + " failed with " + name(status));
    }
  }

  /** The driver's name of a status. */
  @SuppressWarnings("restricted")
  String name(int status) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocate(ADDRESS);
      int found = status(() -> (int) errorName.invokeExact(status, name));
      MemorySegment text = name.get(ADDRESS, 0);
      return found == 0 && text.address() != 0
          ? text.reinterpret(MAX_NAME).getString(0)
          : "error " + status;
    }
  }

  int init() {
    return status(() -> (int) init.invokeExact(0));
  }

  /** 13000 for 13.0. */
  int version() {
    return number("cuDriverGetVersion", out -> (int) driverGetVersion.invokeExact(out));
  }

  int devices() {
    return number("cuDeviceGetCount", out -> (int) deviceGetCount.invokeExact(out));
  }

  int device(int ordinal) {
    return number("cuDeviceGet", out -> (int) deviceGet.invokeExact(out, ordinal));
  }

  int attribute(int attribute, int device) {
    return number(
        "cuDeviceGetAttribute",
        out -> (int) deviceGetAttribute.invokeExact(out, attribute, device));
  }

  /** All bytes that a device has. */
  long totalMemory(int device) {
    return address("cuDeviceTotalMem", out -> (int) deviceTotalMemory.invokeExact(out, device));
  }

  String deviceName(int device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocate(MAX_NAME);
      check("cuDeviceGetName", () -> (int) deviceGetName.invokeExact(name, MAX_NAME, device));
      return name.getString(0);
    }
  }

  long retainContext(int device) {
    return address("cuDevicePrimaryCtxRetain", out -> (int) contextRetain.invokeExact(out, device));
  }

  void setContext(long context) {
    check("cuCtxSetCurrent", () -> (int) contextSet.invokeExact(context));
  }

  /** Bytes that are free, and all there are. */
  long[] memory() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment free = arena.allocate(JAVA_LONG);
      MemorySegment total = arena.allocate(JAVA_LONG);
      check("cuMemGetInfo", () -> (int) memoryInfo.invokeExact(free, total));
      return new long[] {free.get(JAVA_LONG, 0), total.get(JAVA_LONG, 0)};
    }
  }

  /** The address of so many bytes on the device, or 0 where there is no room for them. */
  long allocate(long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      int status = status(() -> (int) allocate.invokeExact(out, bytes));
      if (status == OUT_OF_MEMORY) {
        return 0;
      }
      check("cuMemAlloc", status);
      return out.get(JAVA_LONG, 0);
    }
  }

  void free(long address) {
    check("cuMemFree", () -> (int) free.invokeExact(address));
  }

  /** Memory of the host that the device copies from and to by itself, kept for ever. */
  @SuppressWarnings("restricted")
  MemorySegment allocateOnHost(long bytes) {
    long address = address("cuMemHostAlloc", out -> (int) hostAllocate.invokeExact(out, bytes, 0));
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  int upload(long to, MemorySegment from, long bytes, long stream) {
    return status(() -> (int) upload.invokeExact(to, from, bytes, stream));
  }

  int download(MemorySegment to, long from, long bytes, long stream) {
    return status(() -> (int) download.invokeExact(to, from, bytes, stream));
  }

  /** Sets bytes to zero; allocates nothing. */
  int zero(long to, long bytes, long stream) {
    try {
      return (int) set.invokeExact(to, (byte) 0, bytes, stream);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  long createStream() {
    return address("cuStreamCreate", out -> (int) streamCreate.invokeExact(out, NON_BLOCKING));
  }

  int synchronize(long stream) {
    return status(() -> (int) streamSynchronize.invokeExact(stream));
  }

  long load(byte[] image) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocateFrom(JAVA_BYTE, image);
      return address("cuModuleLoadData", out -> (int) moduleLoad.invokeExact(out, bytes));
    }
  }

  long entryPoint(long module, String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocateFrom(name);
      return address(
          "cuModuleGetFunction of " + name,
          out -> (int) moduleFunction.invokeExact(out, module, text));
    }
  }

  void allowShared(long function, int bytes) {
    check(
        "cuFuncSetAttribute",
        () -> (int) functionSet.invokeExact(function, MAX_DYNAMIC_SHARED_BYTES, bytes));
  }

  /** Starts a kernel; allocates nothing. */
  int launch(
      long function,
      int gridX,
      int gridY,
      int gridZ,
      int blockX,
      int blockY,
      int sharedBytes,
      long stream,
      long parameters) {
    try {
      return (int)
          launch.invokeExact(
              function,
              gridX,
              gridY,
              gridZ,
              blockX,
              blockY,
              1,
              sharedBytes,
              stream,
              parameters,
              0L);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  // ---- graphs: what cannot be done is 0, or a status, for the caller to do without --------------

  /** What the stream is asked from now on is recorded and not done. */
  int beginCapture(long stream) {
    return status(() -> (int) captureBegin.invokeExact(stream, RELAXED));
  }

  /** The node of what was asked last while recording; 0 for none. */
  @SuppressWarnings("restricted")
  long capturedNode(long stream) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(JAVA_INT);
      MemorySegment id = arena.allocate(JAVA_LONG);
      MemorySegment graph = arena.allocate(JAVA_LONG);
      MemorySegment last = arena.allocate(ADDRESS);
      MemorySegment count = arena.allocate(JAVA_LONG);
      int status =
          status(() -> (int) captureInfo.invokeExact(stream, state, id, graph, last, count));
      boolean one = status == 0 && count.get(JAVA_LONG, 0) == 1;
      return one ? last.get(ADDRESS, 0).reinterpret(8).get(JAVA_LONG, 0) : 0;
    }
  }

  /** Ends recording; the graph, or 0. */
  long endCapture(long stream) {
    return written(out -> (int) captureEnd.invokeExact(stream, out));
  }

  /** What can be started of a graph, or 0. */
  long instantiate(long graph) {
    return written(out -> (int) graphInstantiate.invokeExact(out, graph, 0L));
  }

  private long written(Output call) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      return status(() -> call.run(out)) == 0 ? out.get(JAVA_LONG, 0) : 0;
    }
  }

  /** Changes a kernel of a graph for the starts that come; one thread at a time. */
  int setParameters(
      long executable,
      long kernel,
      long function,
      int gridX,
      int gridY,
      int gridZ,
      int blockX,
      int blockY,
      int sharedBytes,
      long parameters) {
    node.set(JAVA_LONG, 0, function);
    node.set(JAVA_INT, 8, gridX);
    node.set(JAVA_INT, 12, gridY);
    node.set(JAVA_INT, 16, gridZ);
    node.set(JAVA_INT, 20, blockX);
    node.set(JAVA_INT, 24, blockY);
    node.set(JAVA_INT, 28, 1);
    node.set(JAVA_INT, 32, sharedBytes);
    node.set(JAVA_LONG, 40, parameters); // then extra, kern and ctx: none
    try {
      return (int) graphSet.invokeExact(executable, kernel, node);
    } catch (Throwable error) {
      throw new AssertionError("a native call threw", error);
    }
  }

  int launchGraph(long executable, long stream) {
    return status(() -> (int) graphLaunch.invokeExact(executable, stream));
  }

  /** Frees a graph and what can be started of it; 0 for what there is not. */
  void destroyGraph(long executable, long graph) {
    if (executable != 0) {
      status(() -> (int) graphExecDestroy.invokeExact(executable));
    }
    if (graph != 0) {
      status(() -> (int) graphDestroy.invokeExact(graph));
    }
  }

  /** A call that writes one number. */
  @FunctionalInterface
  private interface Output {
    int run(MemorySegment out) throws Throwable;
  }

  private int number(String what, Output call) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_INT);
      check(what, () -> call.run(out));
      return out.get(JAVA_INT, 0);
    }
  }

  private long address(String what, Output call) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      check(what, () -> call.run(out));
      return out.get(JAVA_LONG, 0);
    }
  }
}
