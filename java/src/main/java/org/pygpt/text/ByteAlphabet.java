package org.pygpt.text;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Arrays;

/**
 * GPT-2's spelling of the 256 bytes as characters to be seen: the printable ones of Latin-1 stand
 * for themselves, the 68 others are U+0100, U+0101 and so on, so that a space is {@code Ġ}.
 *
 * @see <a href="https://github.com/openai/gpt-2/blob/master/src/encoder.py">bytes_to_unicode</a>
 */
final class ByteAlphabet {
  private static final char[] CHARACTERS = new char[256]; // byte -> character
  private static final int[] BYTES = new int[0x144]; // character -> byte, or -1

  static {
    Arrays.fill(BYTES, -1);
    char next = 0x100;
    for (int i = 0; i < CHARACTERS.length; i++) {
      boolean seen = i >= 0x21 && i < 0x7F || i >= 0xA1 && i != 0xAD;
      CHARACTERS[i] = seen ? (char) i : next++;
      BYTES[CHARACTERS[i]] = i;
    }
  }

  private ByteAlphabet() {}

  /** The bytes of a text as UTF-8, as one character each. */
  static String spell(String text) {
    return spell(text.getBytes(UTF_8));
  }

  /** Bytes as one character each. */
  static String spell(byte[] bytes) {
    char[] spelled = new char[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      spelled[i] = CHARACTERS[bytes[i] & 0xFF];
    }
    return new String(spelled);
  }

  /** The bytes that a text spells, or null if a character spells no byte. */
  static byte[] unspell(String text) {
    byte[] bytes = new byte[text.length()];
    for (int i = 0; i < bytes.length; i++) {
      char c = text.charAt(i);
      if (c >= BYTES.length || BYTES[c] < 0) {
        return null;
      }
      bytes[i] = (byte) BYTES[c];
    }
    return bytes;
  }

  /**
   * Passes if a text has whole characters.
   *
   * @throws IllegalArgumentException for half a surrogate pair, which has no bytes
   */
  static void requireWhole(String text) {
    for (int i = 0, at = 0; i < text.length(); at++) {
      int point = text.codePointAt(i);
      if (point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE) {
        throw new TextException(
            "text: expected whole characters, got half a surrogate pair at " + at);
      }
      i += Character.charCount(point);
    }
  }
}
