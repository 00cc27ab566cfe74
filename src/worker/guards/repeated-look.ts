/** Looks again at this interval. Returns a function that ends that. */
export function lookEvery(intervalMs: number, look: () => Promise<void>): () => void {
  const timer = setInterval(() => void look(), intervalMs);
  return () => clearInterval(timer);
}
