//! The stand-in for Stripe that `cargo local` starts: somebody buys, and pays on its page, over HTTP.

use std::time::Duration;

use local::testkit::{Client, Stack};
use serde_json::{Value, json};

const PAYMENTS: &str = "/api/v1/billing/payments";

/// A practice that sells eight lessons, with somebody who buys them.
struct Shop {
    stack: Stack,
    admin: Client,
    student: Client,
    plan: String,
}

async fn shop() -> Shop {
    let stack = Stack::builder().takes_payments().start().await;
    let (admin, student) = (stack.admin().await, stack.user());
    // Who says a name is kept, as a student.
    student.patch("/api/v1/me", json!({ "display_name": "Sam" })).await.assert_status(200);
    let plan = json!({
        "title": "Eight <b>lessons</b>", "lessons_total": 8, "duration_days": 90, "price_amount": "80.00", "price_currency": "EUR",
    });
    let plan = admin.post("/api/v1/admin/plans", plan).await;
    plan.assert_status(201);
    Shop { plan: plan.str("id"), stack, admin, student }
}

impl Shop {
    async fn bought(&self) -> Value {
        let key = uuid::Uuid::new_v4().to_string();
        let call = self.student.post("/api/v1/billing/packages/purchase", json!({ "plan_id": self.plan }));
        let purchase = call.header("idempotency-key", &key).await;
        purchase.assert_status(201);
        let purchase = purchase.json();
        assert_eq!(purchase["payment"]["status"], "pending");
        purchase
    }

    /// The address of the page where it is paid, as its path.
    fn page(&self, purchase: &Value) -> String {
        let address = purchase["payment"]["checkout_url"].as_str().unwrap();
        let path = address.strip_prefix(&self.stack.url()).expect("a page of this machine");
        assert!(path.starts_with("/_local/pay/cs_"), "{path}");
        path.to_owned()
    }

    /// Presses a button of the page; gives where it leads.
    async fn press(&self, purchase: &Value, button: &str) -> String {
        let path = format!("{}/{button}", self.page(purchase));
        let shown = self.stack.anonymous().get(&self.page(purchase)).await.text();
        assert!(shown.contains(&format!("formaction=\"{path}\"")), "{shown}");
        let answer = self.stack.anonymous().request("POST", &path).await;
        answer.assert_status(303);
        answer.header("location").unwrap().to_owned()
    }

    /// Waits until the payment is in a state: who pays is led back after ten seconds, whatever was heard by then.
    async fn wait_for(&self, purchase: &Value, status: &str) {
        let path = format!("{PAYMENTS}/{}", purchase["payment"]["id"].as_str().unwrap());
        let heard = async {
            while self.student.get(&path).await.str("status") != status {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), heard)
            .await
            .unwrap_or_else(|_| panic!("not {status}"));
    }

    /// The package's state, and its lessons.
    async fn package(&self, purchase: &Value) -> (String, i64) {
        let path = format!("/api/v1/billing/packages/students/{}", self.student.id());
        let packages = self.student.get(&path).await.json();
        let mut packages = packages["items"].as_array().unwrap().iter();
        let found = packages.find(|package| package["id"] == purchase["package"]["id"]).unwrap();
        (found["status"].as_str().unwrap().to_owned(), found["lessons_left"].as_i64().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_pays_on_the_page_and_the_money_goes_back() {
    let shop = shop().await;
    let purchase = shop.bought().await;
    let page = shop.stack.anonymous().get(&shop.page(&purchase)).await.text();
    assert!(page.contains("80.00 EUR") && page.contains("Eight &lt;b&gt;lessons"), "{page}");
    let back = shop.press(&purchase, "pay").await;
    let payment = purchase["payment"]["id"].as_str().unwrap();
    assert_eq!(back, format!("{}/portal/payment?id={payment}", shop.stack.url()));
    shop.wait_for(&purchase, "succeeded").await;
    assert_eq!(shop.package(&purchase).await, ("active".to_owned(), 8));
    let again = shop.stack.anonymous().request("POST", &format!("{}/pay", shop.page(&purchase))).await;
    assert_eq!(again.header("location"), purchase["payment"]["checkout_url"].as_str(), "paid once");

    let path = format!("{PAYMENTS}/{payment}/refund");
    let part = shop.admin.post(&path, json!({ "amount": "40.00" })).header("idempotency-key", "one").await;
    part.assert_status(200);
    shop.wait_for(&purchase, "partially_refunded").await;
    assert_eq!(shop.package(&purchase).await, ("active".to_owned(), 4));
    shop.admin.post(&path, json!({})).header("idempotency-key", "two").await.assert_status(200);
    shop.wait_for(&purchase, "refunded").await;
    // Both refunds are heard of as well, twice each, and change nothing more.
    let told = "select count(*) from lessons.payment_events where kind in ('refund.created', 'charge.refunded') and state = 'applied'";
    let heard = async {
        while shop.stack.db().await.query_one(told, &[]).await.unwrap().get::<_, i64>(0) < 4 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), heard).await.expect("four events");
    assert_eq!(shop.package(&purchase).await, ("canceled".to_owned(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_money_arrives_or_not_and_time_runs_out() {
    let shop = shop().await;
    let (slow, failing, late) = (shop.bought().await, shop.bought().await, shop.bought().await);
    shop.press(&slow, "slow").await;
    shop.wait_for(&slow, "processing").await;
    assert_eq!(shop.package(&slow).await, ("pending".to_owned(), 0));
    shop.press(&slow, "arrive").await;
    shop.wait_for(&slow, "succeeded").await;
    assert_eq!(shop.package(&slow).await, ("active".to_owned(), 8));

    shop.press(&failing, "fail").await;
    shop.wait_for(&failing, "failed").await;
    assert_eq!(shop.package(&failing).await, ("pending".to_owned(), 0));
    shop.press(&late, "expire").await;
    shop.wait_for(&late, "expired").await;

    let list = shop.stack.anonymous().get("/_local/pay").await.text();
    for words in ["Paid", "The money did not come", "The time to pay is over"] {
        assert!(list.contains(words), "{list}");
    }
    for path in ["/_local/pay/cs_none", "/_local/pay/cs_none/pay", "/_local/payments"] {
        assert!([403, 404].contains(&shop.stack.anonymous().get(path).await.status()), "{path}");
    }
}
