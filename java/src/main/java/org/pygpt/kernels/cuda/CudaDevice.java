package org.pygpt.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.pygpt.tensor.Device;
import org.pygpt.tensor.Memory;

/**
 * Mutable: a graphics card of this process, with its one stream of work.
 *
 * <p>Whatever is asked of it is done in the order in which it was asked, by any thread. A kernel
 * that failed leaves the card's context unusable: every later call says so.
 */
final class CudaDevice implements Device {
  static final int OLDEST_DRIVER = 13000;
  static final int OLDEST_CAPABILITY = 75;
  private static final int OLDEST_BFLOAT16 = 80;

  /** System property: true to wait for each kernel, so that one that fails is named. */
  private static final String SYNC = "pygpt.cuda.sync";

  private static final int STAGED_BYTES = 4 << 20;
  private static final Map<Integer, CudaDevice> DEVICES = new HashMap<>();

  private final Driver driver;
  private final int number;
  private final String name;
  private final int capability;
  private final int sharedBytes;
  private final long context;
  private final long stream;
  private final MemorySegment staging; // of uploads, used until it is full
  private final MemorySegment results; // of downloads
  private final Map<Function, Long> functions = new EnumMap<>(Function.class);
  private final CublasLt cublas;
  private final WorkQueue queue;
  private final boolean waits = Boolean.getBoolean(SYNC);
  private final String versions;
  private final ThreadLocal<Boolean> entered = ThreadLocal.withInitial(() -> false);
  private long staged;
  private volatile String failure;

  /**
   * A card, opened by the first call.
   *
   * @throws CudaException if it cannot be used; the message says what to do
   */
  static synchronized CudaDevice open(int number) {
    CudaDevice device = DEVICES.get(number);
    if (device == null) {
      device = new CudaDevice(number);
      DEVICES.put(number, device);
    }
    return device;
  }

  private CudaDevice(int number) {
    this.number = number;
    driver = driver();
    int device = driver.device(number);
    String model = driver.deviceName(device);
    capability =
        10 * driver.attribute(Driver.CAPABILITY_MAJOR, device)
            + driver.attribute(Driver.CAPABILITY_MINOR, device);
    name = model;
    sharedBytes = driver.attribute(Driver.SHARED_BYTES_OPT_IN, device);
    if (capability < OLDEST_CAPABILITY) {
      throw new CudaException(
          String.format(
              "expected a card of compute capability 7.5 or newer, got %s with %d.%d; use backend"
                  + " cpu",
              model, capability / 10, capability % 10));
    }
    Compiler compiler = new Compiler(library(Compiler.LIBRARY));
    SymbolLookup products = library(CublasLt.LIBRARY);
    context = driver.retainContext(device);
    driver.setContext(context);
    entered.set(true);
    stream = driver.createStream();
    staging = driver.allocateOnHost(STAGED_BYTES);
    results = driver.allocateOnHost(STAGED_BYTES);
    long module = driver.load(compiler.kernels(capability));
    for (Function function : Function.values()) {
      functions.put(function, driver.entryPoint(module, function.symbol()));
    }
    cublas = new CublasLt(products, this, Boolean.getBoolean("pygpt.cuda.tf32"));
    queue = new WorkQueue(this, driver, cublas, functions);
    versions = String.format("driver %s, NVRTC %s", dotted(driver.version()), compiler.version());
  }

  private Driver driver() {
    SymbolLookup library = Libraries.open(Driver.LIBRARY);
    if (library == null) {
      throw new CudaException("no NVIDIA driver here (libcuda.so.1 is not found); use backend cpu");
    }
    Driver opened = new Driver(library);
    int version = opened.version();
    if (version < OLDEST_DRIVER) {
      throw new CudaException(
          String.format(
              "expected a driver for CUDA %s, got one for %s: install driver 580 or newer",
              dotted(OLDEST_DRIVER), dotted(version)));
    }
    int status = opened.init();
    int count = status == Driver.NO_DEVICE ? 0 : counted(opened, status);
    if (count == 0) {
      throw new CudaException("no NVIDIA card that the driver can see; use backend cpu");
    }
    if (number < 0 || number >= count) {
      throw new CudaException(
          String.format("device: expected 0 to %d, the cards here, got %d", count - 1, number));
    }
    return opened;
  }

  private static int counted(Driver driver, int status) {
    driver.check("cuInit", status);
    return driver.devices();
  }

  private static SymbolLookup library(String name) {
    SymbolLookup found = Libraries.open(name);
    if (found == null) {
      throw new CudaException(
          String.format(
              "%s is not found in %s: %s", name, Libraries.searched(), Libraries.INSTALL));
    }
    return found;
  }

  static String dotted(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  // ---- what there is ---------------------------------------------------------------------------

  @Override
  public String name() {
    return name;
  }

  /** Card, driver and compiler. */
  String description() {
    return String.format("%s (sm_%d), %s", name, capability, versions);
  }

  /** The most shared memory that a block may have. */
  int sharedBytes() {
    return sharedBytes;
  }

  boolean multipliesBfloat16() {
    return capability >= OLDEST_BFLOAT16;
  }

  /** Passes if the card multiplies matrices of bfloat16. */
  void requireBfloat16() {
    if (!multipliesBfloat16()) {
      throw new IllegalArgumentException(
          String.format(
              "dtype: expected float32, since %s has compute capability %d.%d and bfloat16 needs"
                  + " 8.0, got bfloat16",
              name, capability / 10, capability % 10));
    }
  }

  CublasLt cublas() {
    return cublas;
  }

  long stream() {
    return stream;
  }

  @Override
  public long freeBytes() {
    enter();
    return Math.min(driver.memory()[0], Long.getLong("pygpt.memory_bytes", Long.MAX_VALUE));
  }

  @Override
  public String place() {
    enter();
    return String.format(Locale.ROOT, " of the %,.2f GB of %s", driver.memory()[1] / 1e9, name);
  }

  // ---- memory ----------------------------------------------------------------------------------

  @Override
  public Memory allocate(long bytes) {
    return new CudaMemory(this, bytes);
  }

  /** The address of bytes whose contents are not known. */
  long allocateAddress(long bytes) {
    enter();
    long address = driver.allocate(bytes);
    if (address == 0) {
      long[] memory = driver.memory();
      throw new OutOfMemoryError(
          String.format(
              "%s: %,d bytes were asked for, and %,d of %,d are free; choose smaller sizes",
              name, bytes, memory[0], memory[1]));
    }
    return address;
  }

  synchronized void free(long address) {
    enter();
    queue.flush(); // some of it may be of this memory
    driver.free(address);
  }

  synchronized void zero(long address, long bytes) {
    enter();
    queue.asked().addZero(address, bytes);
    added("zeroing");
  }

  /** Copies from the host; {@code from} may be changed at once. */
  synchronized void upload(long to, MemorySegment from) {
    enter();
    queue.flush();
    for (long done = 0; done < from.byteSize(); ) {
      if (staged == STAGED_BYTES) {
        synchronize(); // what was staged has been copied
      }
      long part = Math.min(from.byteSize() - done, STAGED_BYTES - staged);
      MemorySegment place = staging.asSlice(staged, part);
      MemorySegment.copy(from, done, place, 0, part);
      check("an upload", driver.upload(to + done, place, part, stream));
      staged += part;
      done += part;
    }
  }

  /** Copies to the host, when all that was asked before is done. */
  synchronized void download(MemorySegment to, long from) {
    enter();
    queue.flush();
    for (long done = 0; done < to.byteSize(); ) {
      long part = Math.min(to.byteSize() - done, STAGED_BYTES);
      check("a download", driver.download(results, from + done, part, stream));
      synchronize();
      MemorySegment.copy(results, 0, to, done, part);
      done += part;
    }
  }

  /** Returns when all that was asked is done. */
  synchronized void synchronize() {
    enter();
    queue.flush();
    finish("waiting");
  }

  private void finish(String what) {
    check(what, driver.synchronize(stream));
    staged = 0;
  }

  // ---- kernels ---------------------------------------------------------------------------------

  /** Lets a kernel have so many bytes of shared memory. */
  void allowShared(Function function, int bytes) {
    enter();
    driver.allowShared(functions.get(function), bytes);
  }

  /** Asks for a kernel; see {@link Launch} and {@link WorkList#addKernel}. */
  synchronized void launch(
      Function function,
      int gridX,
      int gridY,
      int gridZ,
      int blockX,
      int blockY,
      int sharedBytes,
      long[] values,
      int valueCount,
      int[] firsts,
      int firstCount) {
    enter();
    queue
        .asked()
        .addKernel(
            function,
            gridX,
            gridY,
            gridZ,
            blockX,
            blockY,
            sharedBytes,
            values,
            valueCount,
            firsts,
            firstCount);
    added(function.symbol());
  }

  /** Asks for a product of matrices at these addresses. */
  synchronized void multiply(CublasLt.Plan plan, long a, long b, long c, boolean add) {
    enter();
    queue.asked().addProduct(plan, a, b, c, add);
    added("cublasLtMatmul");
  }

  private void added(String what) {
    if (waits) {
      queue.flush();
      finish(what);
    }
  }

  /** Throws what a status other than success means, now and from now on. */
  void check(String what, int status) {
    if (status != 0) {
      failure =
          String.format(
              "cuda: %s failed with %s on %s; start the process again",
              what, driver.name(status), name);
      throw new CudaException(failure);
    }
  }

  /** Makes the calling thread one of this card's, and refuses all that follows a failure. */
  private void enter() {
    if (failure != null) {
      throw new CudaException(failure);
    }
    if (!entered.get()) {
      driver.setContext(context);
      entered.set(true);
    }
  }
}
