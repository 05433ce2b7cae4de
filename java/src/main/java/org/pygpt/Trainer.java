package org.pygpt;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import org.pygpt.backends.Backend;
import org.pygpt.datasets.Dataset;
import org.pygpt.files.FileException;
import org.pygpt.runs.Metrics;
import org.pygpt.runs.Recipe;
import org.pygpt.runs.RunPlan;
import org.pygpt.runs.TrainConfig;
import org.pygpt.runs.TrainingRun;

/**
 * Mutable: trains a model on text, in a run's folder that Python's {@code pygpt} goes on with, and
 * the other way round: the same options, files, order of the data and bits.
 *
 * {@snippet file="Snippets.java" region="train"}
 */
public final class Trainer implements AutoCloseable {
  private final RunPlan.Opened opened;
  private final List<TrainingListener> listeners;
  private volatile boolean stopped;

  private Trainer(RunPlan.Opened opened, List<TrainingListener> listeners) {
    this.opened = opened;
    this.listeners = List.copyOf(listeners);
  }

  /**
   * What will be trained.
   *
   * @param recipe the name of a preset, one of {@link Recipe#PRESETS}, or a TOML file
   */
  public static Builder of(String recipe) {
    return new Builder(recipe);
  }

  /** Mutable: what a run will be. */
  public static final class Builder {
    private final String recipe;
    private final Map<String, Object> options = new HashMap<>();
    private final Map<String, Object> data = new HashMap<>();
    private final List<TrainingListener> listeners = new ArrayList<>();
    private Path out;
    private boolean resume;
    private String backend;
    private int threads;

    private Builder(String recipe) {
      this.recipe = recipe;
    }

    /** The text to train on: a file, a folder of files, or one of {@code pygpt prepare}. */
    public Builder data(Path source) {
      return data("source", source.toString());
    }

    /**
     * A field of the table {@code [data]}: source, tokenizer, field, format, encoding, separator or
     * lines.
     */
    public Builder data(String name, Object value) {
      data.put(name, value);
      return this;
    }

    /** Which tokenizer reads text: char, gpt2, cl100k_base, a tokenizer.json or its folder. */
    public Builder tokenizer(String where) {
      return data("tokenizer", where);
    }

    /** The run's folder; without it one in {@code runs}, by the name of the preset or file. */
    public Builder out(Path folder) {
      out = folder;
      return this;
    }

    /** Goes on from the folder's last checkpoint, if it has one. */
    public Builder resume() {
      resume = true;
      return this;
    }

    /**
     * A field of the model's configuration or of {@link TrainConfig}, by its name in Python, such
     * as {@code n_layer} or {@code max_iters}.
     */
    public Builder option(String name, Object value) {
      options.put(name, value);
      return this;
    }

    /**
     * The model's backend: {@code cpu}, {@code nd4j}, {@code plain}, {@code cuda}, {@code auto}.
     */
    public Builder backend(String name) {
      backend = name;
      return this;
    }

    /** The threads of backend cpu; 0 for one a processor. */
    public Builder threads(int count) {
      threads = count;
      return this;
    }

    /** Is told of each step; there may be several. */
    public Builder listener(TrainingListener listener) {
      listeners.add(listener);
      return this;
    }

    /** The run as it is described. */
    public RunPlan plan() {
      String chosen = backend == null ? Backend.chosen().backend() : backend;
      return new RunPlan(recipe, options, out, data, resume, chosen, threads);
    }

    /**
     * Prepares text, model and folder; errors are those of {@link RunPlan#open}.
     *
     * @throws IllegalArgumentException if an option is not allowed or does not fit
     * @throws FileException if a file or folder cannot be read or written
     */
    public Trainer open() {
      return new Trainer(plan().open(false), listeners);
    }
  }

  /** The run's folder. */
  public Path folder() {
    return opened.folder();
  }

  /** The data. */
  public Dataset data() {
    return opened.data();
  }

  /** The run's options. */
  public TrainConfig config() {
    return opened.config();
  }

  /** Where the run is. */
  public TrainingRun run() {
    return opened.run();
  }

  /**
   * The folder of the best model, or of the last one, for {@link GPT#load}.
   *
   * @throws FileException if the run has no checkpoint yet
   */
  public Path checkpoint() {
    return opened.run().checkpoint();
  }

  /**
   * Trains to the end, or until {@link #stop}; then there is a checkpoint of the last step.
   *
   * @return what the last step did; empty if there was none left
   * @throws ArithmeticException if the loss or the gradient is no number
   * @throws FileException if a record or a checkpoint cannot be written
   */
  public Optional<Metrics> fit() {
    TrainingRun run = opened.run();
    Metrics last = null;
    try {
      while (!run.finished() && !stopped) {
        last = run.next();
        for (TrainingListener listener : listeners) {
          listener.onStep(this, last);
        }
      }
    } catch (CancellationException brokenOff) {
      if (!stopped) {
        throw brokenOff;
      }
    }
    if (stopped && run.step() > 0 && !run.isSaved()) {
      run.save();
    }
    listeners.forEach(listener -> listener.onEnd(this));
    return Optional.ofNullable(last);
  }

  /** Lets {@link #fit} end after the step that goes on; from any thread. */
  public void stop() {
    stopped = true;
  }

  /** Lets {@link #fit} end at once; the step that goes on is not done. From any thread. */
  public void stopNow() {
    stopped = true;
    opened.run().cancel();
  }

  /** Frees the model and its training, and lets others have the folder. */
  @Override
  public void close() {
    opened.close();
  }
}
