package examples;

import java.util.Arrays;
import java.util.List;
import org.pygpt.files.Documents;
import org.pygpt.generate.Generator;
import org.pygpt.generate.Request;
import org.pygpt.generate.SamplingOptions;
import org.pygpt.generate.Sequence;
import org.pygpt.model.GPT;
import org.pygpt.model.GPTConfig;
import org.pygpt.python.PythonRandom;
import org.pygpt.tensor.DType;
import org.pygpt.tensor.Tensor;
import org.pygpt.text.CharTokenizer;
import org.pygpt.train.AdamW;
import org.pygpt.train.Training;

/**
 * Trains a small GPT on names and prints ten new ones: the engine's Java API on one page.
 *
 * <pre>{@code
 * java @pygpt/data/java.flags -cp 'jbridge/jars/*' java/examples/TrainNames.java 1000
 * }</pre>
 */
public final class TrainNames {
  private TrainNames() {}

  /** Trains for as many steps as the one argument says. */
  public static void main(String[] arguments) {
    int steps = Integer.parseInt(arguments[0]);
    List<String> names = Documents.shippedNames();
    PythonRandom random = new PythonRandom(1);
    random.shuffle(names);
    CharTokenizer tokenizer = CharTokenizer.train(names);
    GPTConfig config = GPTConfig.microgpt(16, tokenizer.vocabSize(), 1, 4, 16);

    try (GPT model = GPT.create(config, "cpu", DType.FLOAT32, 0)) { // its weights are all zero
      for (String weight : model.weights().names()) {
        Tensor tensor = model.weights().get(weight);
        double[] drawn = new double[tensor.columns()];
        for (int row = 0; row < tensor.rows(); row++) {
          Arrays.setAll(drawn, column -> random.gauss(0, 0.08));
          tensor.writeRow(row, drawn);
        }
      }

      try (Training trainer =
          new Training(model, 1, 16, AdamW.MICROGPT)) { // batches of at most (B, T)
        for (int step = 0; step < steps; step++) {
          int[] ids = tokenizer.encodeDocument(names.get(step % names.size())); // BOS a n n a BOS
          int[] targets = Arrays.copyOfRange(ids, 1, ids.length);
          int T = Math.min(targets.length, 16);
          trainer.setBatch(ids, targets, 1, T);
          double loss = trainer.backward(1, T);
          trainer.update(0.01 * (1 - (double) step / steps));
          if (step % 100 == 0) {
            System.err.printf("step %d: loss %.4f%n", step, loss);
          }
        }
      }

      int[] bos = {tokenizer.bos()}; // begins a document, and ends it
      SamplingOptions sampling = new SamplingOptions(0.5, 0, 1, 0, 1); // temperature 0.5
      Request request = new Request(bos, 16, sampling, bos, 0, random::random);
      try (Generator generator = new Generator(model, 1, true)) { // one after another
        for (int i = 0; i < 10; i++) {
          Sequence name = generator.submit(request);
          while (generator.advance()) {}
          System.out.println(tokenizer.decode(name.tokensBeforeStop()));
        }
      }
    }
  }
}
