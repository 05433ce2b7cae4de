package org.pygpt.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.pygpt.GenerateOptions;
import org.pygpt.generate.SamplingOptions;
import picocli.CommandLine.Option;

/** How text is continued: the flags that {@code generate} and {@code chat} have both. */
final class SamplingFlags {
  @Option(names = "--max-new-tokens", paramLabel = "N", description = "the most tokens to add")
  private Integer maxNewTokens;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      defaultValue = "1",
      description = "a number above 1 makes tokens that have occurred less likely")
  private double repetitionPenalty;

  @Option(
      names = "--temperature",
      paramLabel = "X",
      defaultValue = "1",
      description = "the logits are divided by this; 0 takes the likeliest token")
  private double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "N",
      description = "choose among this many of the likeliest tokens")
  private Integer topK;

  @Option(
      names = "--top-p",
      paramLabel = "X",
      defaultValue = "1",
      description = "choose among the likeliest tokens that together have this probability")
  private double topP;

  @Option(
      names = "--min-p",
      paramLabel = "X",
      defaultValue = "0",
      description = "choose among tokens with this share of the likeliest one's probability")
  private double minP;

  @Option(names = "--seed", paramLabel = "N", description = "the seed of the random numbers")
  private Long seed;

  @Option(names = "--stop", paramLabel = "TEXT", description = "end before this text")
  private List<String> stop = new ArrayList<>();

  @Option(
      names = "--stop-tokens",
      paramLabel = "N",
      description = "end after the token with this id; may be repeated")
  private List<Integer> stopTokens;

  @Option(
      names = "--slide",
      description = "let text be longer than the context; the model sees its end")
  private boolean slide;

  @Option(
      names = "--lookup",
      description =
          "guess tokens from what was there before: the same text, sooner where it repeats")
  private boolean lookup;

  @Option(
      names = "--specials",
      description = "let special tokens in the prompt, such as <|endoftext|>, count")
  private boolean specials;

  /** Whether it was said how many tokens are added. */
  boolean saysHowMany() {
    return maxNewTokens != null;
  }

  /**
   * The options, checked.
   *
   * @throws IllegalArgumentException for a value that cannot be
   */
  GenerateOptions options(boolean truncate, int topLogprobs) {
    if (topK != null && topK < 1) {
      throw new IllegalArgumentException("top_k: expected at least 1, got " + topK);
    }
    return new GenerateOptions(
        maxNewTokens == null ? GenerateOptions.DEFAULT.maxNewTokens() : maxNewTokens,
        new SamplingOptions(temperature, topK == null ? 0 : topK, topP, minP, repetitionPenalty),
        seed == null ? OptionalLong.empty() : OptionalLong.of(seed),
        stop,
        truncate,
        slide,
        specials,
        Optional.ofNullable(stopTokens),
        topLogprobs,
        lookup);
  }
}
