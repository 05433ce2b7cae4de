package org.pygpt.generate;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedSet;
import org.pygpt.model.GPT;

/**
 * Mutable: the key/value caches of a generator, within a bound of memory. Each is allocated when a
 * sequence first needs it, of the size that it needs. One that is given back keeps its content
 * until its memory is needed, so that a prompt that begins alike need not be read from the start.
 */
final class CachePool implements AutoCloseable {
  /** Caches take no more than this part of the memory that is left, beyond the first. */
  private static final int PART_OF_MEMORY = 2;

  /** Fewer tokens than this are read again about as fast as their keys and values are found. */
  private static final int LEAST_COMMON = 32;

  private final GPT model;
  private final int most;
  private final boolean reuse;
  private final long limitBytes;
  private final List<KeyValueCache> used = new ArrayList<>();
  private final SequencedSet<KeyValueCache> idle = new LinkedHashSet<>(); // oldest first
  private long version;

  /**
   * An empty pool.
   *
   * @param most caches there may be, used and idle
   * @param reuse whether what a cache holds may serve another sequence
   */
  CachePool(GPT model, int most, boolean reuse) {
    this.model = model;
    this.most = most;
    this.reuse = reuse;
    limitBytes = model.kernels().device().freeBytes() / PART_OF_MEMORY;
    version = model.version();
  }

  /**
   * Passes if a cache of so many positions fits into memory, if need be alone.
   *
   * @throws org.pygpt.tensor.TooLargeError if it does not
   */
  void require(int positions) {
    long bytes = model.cacheBytes(positions);
    if (bytes > limitBytes) {
      String what = "a key/value cache of 1 x " + positions + " tokens";
      model.kernels().device().require(BigInteger.valueOf(bytes), what);
    }
  }

  /**
   * Takes a cache for a prompt and what follows it; it holds as many positions of the prompt as
   * were there already, but the last.
   *
   * @return null if there is none before another one is given back
   */
  KeyValueCache take(int[] prompt, int positions) {
    if (version != model.version()) {
      forget();
    }
    KeyValueCache like = reuse ? mostAlike(prompt) : null;
    int common = like == null ? 0 : common(like, prompt);
    boolean superseded = idle.contains(like) && 2 * common >= like.length();
    KeyValueCache cache;
    if (superseded && like.capacity() >= positions) {
      idle.remove(like);
      cache = like;
    } else {
      cache = room(positions, like);
      if (cache == null && idle.contains(like)) { // nothing else has to give way
        cache = room(positions, null);
        common = cache == like ? common : 0;
      } else if (cache != null && common > 0) {
        cache.copy(like, common, model.kernels());
        if (superseded && idle.remove(like)) {
          like.close();
        }
      }
    }
    if (cache != null) {
      cache.truncate(common);
      used.add(cache);
    }
    return cache;
  }

  /**
   * A cache for the continuation of a sequence that equals another one so far.
   *
   * @return null if there is no room, or the weights have changed since {@code of} was taken
   */
  KeyValueCache copy(KeyValueCache of, int positions) {
    boolean current = !of.expired() && version == model.version();
    KeyValueCache copy = current ? room(positions, null) : null;
    if (copy != null) {
      copy.copy(of, of.length(), model.kernels());
      used.add(copy);
    }
    return copy;
  }

  private KeyValueCache mostAlike(int[] prompt) {
    KeyValueCache best = null;
    int most = LEAST_COMMON - 1;
    for (List<KeyValueCache> caches : List.of(List.copyOf(idle), used)) {
      for (KeyValueCache cache : caches) {
        int common = common(cache, prompt);
        if (common > most) {
          best = cache;
          most = common;
        }
      }
    }
    return best;
  }

  /** Positions that a cache has of a prompt but for its last one, which has to be read. */
  private static int common(KeyValueCache cache, int[] prompt) {
    return Math.min(cache.common(prompt), prompt.length - 1);
  }

  /** A cache of at least so many positions, whose content may go; null if there is no room. */
  private KeyValueCache room(int positions, KeyValueCache kept) {
    while (true) {
      KeyValueCache found = smallestEmpty(positions);
      if (found == null && hasRoom(positions)) {
        return new KeyValueCache(model, positions);
      }
      if (found == null) {
        found = oldest(kept);
      }
      if (found == null) {
        return null;
      }
      idle.remove(found);
      if (found.capacity() >= positions) {
        return found;
      }
      found.close();
    }
  }

  private KeyValueCache smallestEmpty(int positions) {
    KeyValueCache smallest = null;
    for (KeyValueCache cache : idle) {
      boolean fits = cache.length() == 0 && cache.capacity() >= positions;
      if (fits && (smallest == null || cache.capacity() < smallest.capacity())) {
        smallest = cache;
      }
    }
    return smallest;
  }

  /** Whether another cache may be allocated; the first always may, {@link #require} has passed. */
  private boolean hasRoom(int positions) {
    int count = used.size() + idle.size();
    return count == 0 || count < most && bytes() + model.cacheBytes(positions) <= limitBytes;
  }

  /** The idle cache to be given up next: an empty one, or the one that was given back first. */
  private KeyValueCache oldest(KeyValueCache kept) {
    KeyValueCache oldest = null;
    for (KeyValueCache cache : idle) {
      if (cache != kept && (oldest == null || cache.length() == 0 && oldest.length() > 0)) {
        oldest = cache;
      }
    }
    return oldest;
  }

  /** Size of all caches in bytes. */
  long bytes() {
    long bytes = 0;
    for (KeyValueCache cache : used) {
      bytes += cache.byteSize();
    }
    for (KeyValueCache cache : idle) {
      bytes += cache.byteSize();
    }
    return bytes;
  }

  /** Caches that sequences have. */
  int used() {
    return used.size();
  }

  /** Takes a cache back. */
  void release(KeyValueCache cache) {
    used.remove(cache);
    if (!reuse) {
      cache.truncate(0);
    }
    idle.add(cache);
  }

  /** Lets no cache serve another sequence: the weights have changed. */
  void forget() {
    version = model.version();
    idle.forEach(KeyValueCache::close);
    idle.clear();
    used.forEach(KeyValueCache::expire);
  }

  @Override
  public void close() {
    idle.addAll(used);
    used.clear();
    forget();
  }
}
