/** When an event counts as written: on how many distinct instances it has to be. */

export type Acknowledgement = "one" | "majority" | "all";

export const acknowledgements: readonly Acknowledgement[] = ["one", "majority", "all"];

/** What is known of an instance: its address, and its id once it has answered. */
export interface KnownInstance {
  readonly url: string;
  readonly instanceId: string | null;
}

/**
 * Whether those that were reached are enough. Two addresses of one instance are one; an instance that never answered is
 * taken for another one.
 */
export function isEnough(
  acknowledgement: Acknowledgement,
  all: readonly KnownInstance[],
  reached: readonly KnownInstance[],
): boolean {
  const count = countDistinct(reached);
  const total = countDistinct(all);
  switch (acknowledgement) {
    case "one":
      return count >= 1;
    case "majority":
      return count > total / 2;
    case "all":
      return count >= total;
  }
}

function countDistinct(instances: readonly KnownInstance[]): number {
  return new Set(instances.map(({ url, instanceId }) => instanceId ?? url)).size;
}
