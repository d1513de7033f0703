// Buying a package: a plan, the provider's page, and what became of the payment. Where nothing is sold, nothing is shown.

/** The plans that are for sale. Their routes come with billing: GET billing/plans, POST billing/packages/purchase. */
export async function buy() {}
