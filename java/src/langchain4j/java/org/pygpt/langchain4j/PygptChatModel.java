package org.pygpt.langchain4j;

import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatResponse;
import org.pygpt.Continuation;
import org.pygpt.GPT;
import org.pygpt.GenerateOptions;

/**
 * Immutable: a model of pygpt in this process as a chat model of LangChain4j. The conversation is
 * read by the model's chat template; without one in pygpt's own form.
 */
public final class PygptChatModel implements ChatModel {
  private final GPT model;
  private final GenerateOptions options;

  /**
   * A chat model.
   *
   * @param model stays the caller's
   * @param options of the answers, as far as a request does not say
   */
  public PygptChatModel(GPT model, GenerateOptions options) {
    this.model = model;
    this.options = options;
  }

  /**
   * The answer to a request.
   *
   * @throws dev.langchain4j.exception.UnsupportedFeatureException if it asks for tools, JSON or
   *     penalties, or has a picture
   * @throws IllegalArgumentException for an option that is not allowed, and what {@link GPT#reply}
   *     refuses
   */
  @Override
  public ChatResponse doChat(ChatRequest request) {
    GenerateOptions asked = Requests.options(options, request);
    try (Continuation text = model.reply(Requests.messages(request), asked)) {
      StringBuilder said = new StringBuilder();
      text.forEachRemaining(said::append);
      return Requests.response(model, request, text, said.toString());
    }
  }
}
