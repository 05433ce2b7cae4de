package org.pygpt.kernels.cpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Mutable: writes instructions of x86-64 with AVX-512, of which it knows those that {@link
 * TileCode} needs. Vectors have 64 bytes and are named by their numbers, 0 to 31; addresses are a
 * register and a displacement. Volume 2 of Intel's Software Developer's Manual has the encodings.
 */
final class Assembler {
  /** Registers of the first six arguments of a function, in the System V calling convention. */
  static final int ARGUMENT_0 = 7; // rdi

  static final int ARGUMENT_1 = 6; // rsi
  static final int ARGUMENT_2 = 2; // rdx
  static final int ARGUMENT_3 = 1; // rcx
  static final int ARGUMENT_4 = 8; // r8
  static final int ARGUMENT_5 = 9; // r9

  // maps of opcodes, and the prefixes that select among those of the same number
  private static final int MAP_0F = 1;
  private static final int MAP_0F38 = 2;
  private static final int MAP_0F3A = 3;
  private static final int NO_PREFIX = 0;
  private static final int PREFIX_66 = 1;
  private static final int PREFIX_F3 = 2;

  private static final int LENGTH_512 = 2;
  private static final int MOST_BYTES = 1 << 14;

  private final ByteBuffer code = ByteBuffer.allocate(MOST_BYTES).order(ByteOrder.LITTLE_ENDIAN);

  /** The instructions so far. */
  byte[] bytes() {
    return Arrays.copyOf(code.array(), code.position());
  }

  /** Where the next instruction will lie. */
  int here() {
    return code.position();
  }

  // ---- loads and stores ------------------------------------------------------------------------

  /** to = 64 bytes of memory. */
  void load(int to, int base, int displacement) {
    memory(NO_PREFIX, MAP_0F, 0x10, to, 0, base, displacement, false); // vmovups
  }

  /** 64 bytes of memory = from. */
  void store(int from, int base, int displacement) {
    memory(NO_PREFIX, MAP_0F, 0x11, from, 0, base, displacement, false); // vmovups
  }

  /** 4 bytes of memory = the first lane of from. */
  void storeFirst(int from, int base, int displacement) {
    memory(PREFIX_F3, MAP_0F, 0x11, from, 0, base, displacement, false); // vmovss
  }

  /** Each lane of to = 4 bytes of memory. */
  void broadcast(int to, int base, int displacement) {
    memory(PREFIX_66, MAP_0F38, 0x58, to, 0, base, displacement, false); // vpbroadcastd
  }

  /** to = 16 float16 numbers of memory, as float32. */
  void loadFloat16(int to, int base, int displacement) {
    memory(PREFIX_66, MAP_0F38, 0x13, to, 0, base, displacement, false); // vcvtph2ps
  }

  /** Asks for a cache line of memory that will be read soon. */
  void prefetch(int base, int displacement) {
    if (base >= 8) {
      put(0x41); // REX.B
    }
    put(0x0f, 0x18);
    address(1, base, displacement); // prefetcht0
  }

  // ---- whole numbers ---------------------------------------------------------------------------

  /** All bits of to = 0. */
  void clear(int to) {
    registers(PREFIX_66, MAP_0F, 0xef, to, to, to); // vpxord
  }

  void and(int to, int a, int b) {
    registers(PREFIX_66, MAP_0F, 0xdb, to, a, b); // vpandd
  }

  void or(int to, int a, int b) {
    registers(PREFIX_66, MAP_0F, 0xeb, to, a, b); // vpord
  }

  void add(int to, int a, int b) {
    registers(PREFIX_66, MAP_0F, 0xfe, to, a, b); // vpaddd
  }

  void subtract(int to, int a, int b) {
    registers(PREFIX_66, MAP_0F, 0xfa, to, a, b); // vpsubd
  }

  void shiftLeft(int to, int a, int bits) {
    shift(6, to, a, bits); // vpslld
  }

  /** With zeros from the left. */
  void shiftRight(int to, int a, int bits) {
    shift(2, to, a, bits); // vpsrld
  }

  /** With copies of the sign. */
  void shiftRightSigned(int to, int a, int bits) {
    shift(4, to, a, bits); // vpsrad
  }

  /** to += the sum of products of four bytes each, those of a without and of b with a sign. */
  void addProducts(int to, int a, int b) {
    registers(PREFIX_66, MAP_0F38, 0x50, to, a, b); // vpdpbusd
  }

  // ---- float32 ---------------------------------------------------------------------------------

  /** to = whole numbers as float32. */
  void toFloat(int to, int from) {
    registers(NO_PREFIX, MAP_0F, 0x5b, to, 0, from); // vcvtdq2ps
  }

  void multiply(int to, int a, int b) {
    registers(NO_PREFIX, MAP_0F, 0x59, to, a, b); // vmulps
  }

  /** to = a * b + to. */
  void fma(int to, int a, int b) {
    registers(PREFIX_66, MAP_0F38, 0xb8, to, a, b); // vfmadd231ps
  }

  /** to = a * (one number of memory) + to. */
  void fma(int to, int a, int base, int displacement) {
    memory(PREFIX_66, MAP_0F38, 0xb8, to, a, base, displacement, true); // vfmadd231ps
  }

  /** to = a * (64 bytes of memory) + to. */
  void fmaVector(int to, int a, int base, int displacement) {
    memory(PREFIX_66, MAP_0F38, 0xb8, to, a, base, displacement, false); // vfmadd231ps
  }

  void addFloats(int to, int a, int b) {
    registers(NO_PREFIX, MAP_0F, 0x58, to, a, b); // vaddps
  }

  /** Each lane of to = that of from so many lanes away, 8, 4, 2 or 1, in pairs of such groups. */
  void swapLanes(int to, int from, int distance) {
    if (distance >= 4) {
      registers(PREFIX_66, MAP_0F3A, 0x23, to, from, from); // vshuff32x4
    } else {
      registers(PREFIX_66, MAP_0F3A, 0x04, to, 0, from); // vpermilps
    }
    // which of four groups, or lanes, each comes from: two bits for each
    put(distance == 8 || distance == 2 ? 0b01_00_11_10 : 0b10_11_00_01);
  }

  // ---- flow ------------------------------------------------------------------------------------

  /** Adds a constant to a general register. */
  void addTo(int register, int constant) {
    put(register < 8 ? 0x48 : 0x49, 0x81, 0xc0 | register & 7);
    code.putInt(constant);
  }

  /** Adds a general register to another one. */
  void addRegister(int register, int other) {
    put(0x48 | (other < 8 ? 0 : 4) | (register < 8 ? 0 : 1), 0x01);
    put(0xc0 | (other & 7) << 3 | register & 7);
  }

  /** Takes one from a general register, and jumps back if it is not 0 then. */
  void countDown(int register, int target) {
    addTo(register, -1);
    put(0x0f, 0x85); // jnz
    code.putInt(target - (here() + Integer.BYTES));
  }

  void end() {
    put(0xc5, 0xf8, 0x77); // vzeroupper
    put(0xc3); // ret
  }

  // ---- encodings -------------------------------------------------------------------------------

  private void registers(int prefix, int map, int opcode, int to, int a, int b) {
    evex(prefix, map, to, a, ~b >> 3 & 1, ~b >> 4 & 1, false);
    put(opcode, 0xc0 | (to & 7) << 3 | b & 7);
  }

  private void memory(
      int prefix, int map, int opcode, int to, int a, int base, int at, boolean toAllLanes) {
    evex(prefix, map, to, a, ~base >> 3 & 1, 1, toAllLanes);
    put(opcode);
    address(to & 7, base, at);
  }

  private void shift(int kind, int to, int a, int bits) {
    evex(PREFIX_66, MAP_0F, 0, to, ~a >> 3 & 1, ~a >> 4 & 1, false);
    put(0x72, 0xc0 | kind << 3 | a & 7, bits);
  }

  /**
   * The four bytes before an opcode.
   *
   * @param high the inverted fourth bit of the last operand
   * @param highest its inverted fifth bit, of a vector
   */
  private void evex(int prefix, int map, int to, int a, int high, int highest, boolean toAllLanes) {
    put(0x62);
    put((~to >> 3 & 1) << 7 | highest << 6 | high << 5 | (~to >> 4 & 1) << 4 | map);
    put((~a & 15) << 3 | 1 << 2 | prefix);
    put(LENGTH_512 << 5 | (toAllLanes ? 1 << 4 : 0) | (~a >> 4 & 1) << 3);
  }

  /** A register and a displacement of 32 bits; rsp and r12 would need another form. */
  private void address(int field, int base, int displacement) {
    put(0x80 | field << 3 | base & 7);
    code.putInt(displacement);
  }

  private void put(int... bytes) {
    for (int one : bytes) {
      code.put((byte) one);
    }
  }
}
