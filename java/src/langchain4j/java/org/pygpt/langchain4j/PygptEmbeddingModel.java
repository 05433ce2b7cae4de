package org.pygpt.langchain4j;

import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.output.Response;
import java.util.List;
import org.pygpt.GPT;

/** Immutable: the vectors of {@link GPT#embed} as an embedding model of LangChain4j. */
public final class PygptEmbeddingModel implements EmbeddingModel {
  private final GPT model;

  /** An embedding model; the GPT stays the caller's. */
  public PygptEmbeddingModel(GPT model) {
    this.model = model;
  }

  /**
   * A vector for each text.
   *
   * @throws org.pygpt.text.TextException what {@link GPT#embed} refuses
   */
  @Override
  public Response<List<Embedding>> embedAll(List<TextSegment> texts) {
    return Response.from(
        texts.stream().map(text -> Embedding.from(model.embed(text.text()))).toList());
  }

  @Override
  public int dimension() {
    return model.config().nEmbd();
  }
}
