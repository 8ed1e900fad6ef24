/**
 * Pages of an endless list, newest first. One that begins at a moment in the past grows at both ends; its
 * newer pages are asked for oldest first, and turned. Pure.
 */
export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
  /** Where newer ones go on: a cursor, or empty at the list's beginning; undefined: there are none. */
  newer?: string;
}

/** Which page: the first, or one behind or before those that are there. */
export type Param = null | { older: string } | { newer: string };

/** What is asked of the server for it. */
export function bounds(param: Param, atMs: number | null) {
  if (param !== null && 'newer' in param) {
    return {
      order: 'oldest' as const,
      ...(atMs !== null && { fromMs: atMs }),
      ...(param.newer !== '' && { cursor: param.newer }),
    };
  }
  return { ...(atMs !== null && { toMs: atMs }), ...(param !== null && { cursor: param.older }) };
}

/** The server's answer in the list's order. */
export function pageOf<T>(answer: Page<T>, param: Param, atMs: number | null): Page<T> {
  if (param !== null && 'newer' in param) {
    const items = answer.items.toReversed();
    // Nothing stands behind it that the page below doesn't have.
    return answer.next_cursor == null ? { items } : { items, newer: answer.next_cursor };
  }
  return atMs !== null && param === null ? { ...answer, newer: '' } : answer;
}
