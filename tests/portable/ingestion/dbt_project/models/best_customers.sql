select customer_id, sum(amount) as amount
from {{ source('sales', 'orders') }}
group by customer_id
