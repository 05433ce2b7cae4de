package org.pygpt.python;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Locale;
import java.util.regex.Pattern;

/** Numbers as Python's {@code int} and {@code float} read them and {@code repr} writes them. */
public final class PythonNumber {
  private static final String DIGITS = "[0-9](_?[0-9])*";
  private static final Pattern INT = Pattern.compile("[+-]?" + DIGITS);
  private static final Pattern FLOAT =
      Pattern.compile(String.format("[+-]?(%1$s(\\.(%1$s)?)?|\\.%1$s)([eE][+-]?%1$s)?", DIGITS));
  private static final Pattern NO_NUMBER = Pattern.compile("[+-]?(inf(inity)?|nan)");

  private PythonNumber() {}

  /**
   * The whole number that a text is: Python's {@code int(text)}.
   *
   * @throws NumberFormatException if it is none
   */
  public static BigInteger parseInt(String text) {
    String number = asciiDigits(PythonText.strip(text));
    if (!INT.matcher(number).matches()) {
      throw new NumberFormatException(text);
    }
    return new BigInteger(number.replace("_", ""));
  }

  /**
   * The number that a text is: Python's {@code float(text)}, {@code inf} and {@code nan} included.
   *
   * @throws NumberFormatException if it is none
   */
  public static double parseFloat(String text) {
    String number = asciiDigits(PythonText.strip(text));
    if (FLOAT.matcher(number).matches()) {
      return Double.parseDouble(number.replace("_", ""));
    }
    String word = number.toLowerCase(Locale.ROOT);
    if (!NO_NUMBER.matcher(word).matches()) {
      throw new NumberFormatException(text);
    }
    if (word.endsWith("nan")) {
      return Double.NaN;
    }
    return word.startsWith("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
  }

  /** The text with each decimal digit of another script as one of 0 to 9. */
  private static String asciiDigits(String text) {
    StringBuilder ascii = new StringBuilder();
    for (int c : text.codePoints().toArray()) {
      ascii.appendCodePoint(Character.isDigit(c) ? '0' + Character.digit(c, 10) : c);
    }
    return ascii.toString();
  }

  /**
   * The shortest decimal that is this double and no other one: {@code repr} of a float.
   *
   * <p>{@link Double#toString(double)} has the same digits (but for the very smallest numbers, of
   * which it shows two where one would do); Python writes an exponent below 1e-4 and from 1e16 on.
   */
  public static String repr(double value) {
    if (!Double.isFinite(value)) {
      return Double.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
    }
    if (value == 0) {
      return Double.toString(value); // 0.0 or -0.0
    }
    BigDecimal decimal = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    int exponent = decimal.precision() - decimal.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      String plain = decimal.toPlainString();
      return decimal.scale() > 0 ? plain : plain + ".0";
    }
    String digits = decimal.unscaledValue().abs().toString();
    return (value < 0 ? "-" : "")
        + digits.charAt(0)
        + (digits.length() > 1 ? "." + digits.substring(1) : "")
        + (exponent < 0 ? "e-" : "e+")
        + (Math.abs(exponent) < 10 ? "0" : "")
        + Math.abs(exponent);
  }
}
