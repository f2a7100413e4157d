export type Tenant = {
  tenant_id: string;
  name: string;
  tier: string;
  settings: Record<string, string | number | boolean>;
  status: string;
};

export type Product = {
  product_id: string;
  name: string;
  description: string;
  category: string;
  unit: string;
  price_cents: number;
  currency: string;
  available: boolean;
};

export type Page<T> = { items: T[]; next: string | null };

export type PlacedOrder = {
  order_id: string;
  status: string;
  total_cents: number;
  currency: string;
  created_at: string;
  lines: {
    product_id: string;
    product_name: string;
    quantity: number;
    unit_price_cents: number;
    line_total_cents: number;
  }[];
};
