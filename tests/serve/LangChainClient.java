import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiEmbeddingModel;
import dev.langchain4j.model.openai.OpenAiLanguageModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** LangChain4j's models of an endpoint: {@code ADDRESS NAME}; prints a line for each. */
class LangChainClient {
  private static final String QUESTION = "hello";

  public static void main(String[] arguments) throws Exception {
    String address = arguments[0] + "/v1";
    String name = arguments[1];
    OpenAiLanguageModel language =
        OpenAiLanguageModel.builder()
            .baseUrl(address)
            .apiKey("none")
            .modelName(name)
            .temperature(0.0)
            .build();
    System.out.println("text " + language.generate(QUESTION).content());
    OpenAiChatModel chat =
        OpenAiChatModel.builder()
            .baseUrl(address)
            .apiKey("none")
            .modelName(name)
            .temperature(0.0)
            .maxTokens(12)
            .build();
    System.out.println("chat " + chat.chat(QUESTION));
    System.out.println("streamed " + streamed(address, name));
    OpenAiEmbeddingModel embeddings =
        OpenAiEmbeddingModel.builder().baseUrl(address).apiKey("none").modelName(name).build();
    System.out.println("vector " + Arrays.toString(embeddings.embed(QUESTION).content().vector()));
  }

  /** The same answer piece by piece. */
  private static String streamed(String address, String name) throws Exception {
    StringBuilder text = new StringBuilder();
    CompletableFuture<String> whole = new CompletableFuture<>();
    OpenAiStreamingChatModel.builder()
        .baseUrl(address)
        .apiKey("none")
        .modelName(name)
        .temperature(0.0)
        .maxTokens(12)
        .build()
        .chat(
            QUESTION,
            new StreamingChatResponseHandler() {
              @Override
              public void onPartialResponse(String part) {
                text.append(part);
              }

              @Override
              public void onCompleteResponse(ChatResponse response) {
                whole.complete(text.toString());
              }

              @Override
              public void onError(Throwable error) {
                whole.completeExceptionally(error);
              }
            });
    return whole.get(60, TimeUnit.SECONDS);
  }
}
