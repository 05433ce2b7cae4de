package org.pygpt.langchain4j;

import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import org.pygpt.Continuation;
import org.pygpt.GPT;
import org.pygpt.GenerateOptions;

/**
 * Immutable: a model of pygpt as a chat model of LangChain4j that answers piece by piece, each
 * request on a thread of its own; else as {@link PygptChatModel}.
 */
public final class PygptStreamingChatModel implements StreamingChatModel {
  private final GPT model;
  private final GenerateOptions options;

  /**
   * A chat model.
   *
   * @param model stays the caller's
   * @param options of the answers, as far as a request does not say
   */
  public PygptStreamingChatModel(GPT model, GenerateOptions options) {
    this.model = model;
    this.options = options;
  }

  /** Has the handler told of the answer, or of what is wrong with the request. */
  @Override
  public void doChat(ChatRequest request, StreamingChatResponseHandler handler) {
    Thread.ofPlatform().daemon().name("pygpt-chat").start(() -> answer(request, handler));
  }

  private void answer(ChatRequest request, StreamingChatResponseHandler handler) {
    try (Continuation text =
        model.reply(Requests.messages(request), Requests.options(options, request))) {
      StringBuilder said = new StringBuilder();
      text.forEachRemaining(piece -> {
        said.append(piece);
        handler.onPartialResponse(piece);
      });
      handler.onCompleteResponse(Requests.response(model, request, text, said.toString()));
    } catch (RuntimeException error) {
      handler.onError(error);
    }
  }
}
