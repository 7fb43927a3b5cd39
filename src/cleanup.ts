/** Cleanup that does not hide the error before it. */

/**
 * Does `work`, and then `tidy` whether or not the work succeeded.
 *
 * @throws what `work` threw; what `tidy` threw only if the work succeeded
 */
export async function tidied<T>(work: () => Promise<T>, tidy: () => unknown): Promise<T> {
  let result: T
  try {
    result = await work()
  } catch (error) {
    await attempted(tidy)
    throw error
  }
  await tidy()
  return result
}

async function attempted(tidy: () => unknown): Promise<void> {
  try {
    await tidy()
  } catch {
    // The first error is the one that matters.
  }
}
