/** Looks again at this interval. Returns a function that ends that. */
export function lookEvery(intervalMs: number, look: () => Promise<void>): () => Promise<void> {
  const timer = setInterval(() => void look(), intervalMs);
  return () => {
    clearInterval(timer);
    return Promise.resolve();
  };
}
