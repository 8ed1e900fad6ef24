/** The event that was on screen last: the timeline comes back to it, wherever stepping has led. */
export const viewing: { lastId: string | null } = { lastId: null };
