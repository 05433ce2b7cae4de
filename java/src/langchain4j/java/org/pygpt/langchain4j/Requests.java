package org.pygpt.langchain4j;

import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.model.output.TokenUsage;
import java.util.List;
import org.pygpt.Continuation;
import org.pygpt.GPT;
import org.pygpt.GenerateOptions;
import org.pygpt.chat.Message;
import org.pygpt.generate.SamplingOptions;

/** LangChain4j's requests and answers as pygpt has them. */
final class Requests {
  private Requests() {}

  /** The conversation of a request. */
  static List<Message> messages(ChatRequest request) {
    return request.messages().stream().map(Requests::message).toList();
  }

  private static Message message(ChatMessage message) {
    return switch (message) {
      case SystemMessage system -> Message.system(system.text());
      case UserMessage user when user.hasSingleText() -> Message.user(user.singleText());
      case AiMessage answer when !answer.hasToolExecutionRequests() ->
          Message.assistant(answer.text());
      default ->
          throw new UnsupportedFeatureException(
              "messages: expected texts of system, user and assistant, got " + message.type());
    };
  }

  /**
   * The options of a request; those that it does not name are the model's.
   *
   * @throws UnsupportedFeatureException for what a model of pygpt does not do
   */
  static GenerateOptions options(GenerateOptions own, ChatRequest request) {
    ChatRequestParameters asked = request.parameters();
    boolean hasTools = asked.toolSpecifications() != null && !asked.toolSpecifications().isEmpty();
    boolean wantsJson =
        asked.responseFormat() != null && asked.responseFormat().type() != ResponseFormatType.TEXT;
    if (hasTools
        || wantsJson
        || asked.frequencyPenalty() != null
        || asked.presencePenalty() != null) {
      throw new UnsupportedFeatureException(
          "request: expected no tools, JSON or penalties, which pygpt's models do not know");
    }
    SamplingOptions sampling = own.sampling();
    GenerateOptions options =
        own.withSampling(
            new SamplingOptions(
                asked.temperature() == null ? sampling.temperature() : asked.temperature(),
                asked.topK() == null ? sampling.topK() : asked.topK(),
                asked.topP() == null ? sampling.topP() : asked.topP(),
                sampling.minP(),
                sampling.repetitionPenalty()));
    if (asked.maxOutputTokens() != null) {
      options = options.withMaxNewTokens(asked.maxOutputTokens());
    }
    List<String> stops = asked.stopSequences();
    return stops == null || stops.isEmpty()
        ? options
        : options.withStop(stops.toArray(String[]::new));
  }

  /** What came of a request. */
  static ChatResponse response(GPT model, ChatRequest request, Continuation text, String said) {
    int read = model.chatForm().prompt(messages(request)).length;
    return ChatResponse.builder()
        .aiMessage(AiMessage.from(said))
        .tokenUsage(new TokenUsage(read, text.tokens().length))
        .finishReason(text.stopped() ? FinishReason.STOP : FinishReason.LENGTH)
        .build();
  }
}
