BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE audit_entries (
	tenant_id VARCHAR(40) NOT NULL, 
	sequence INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	actor VARCHAR(200) NOT NULL, 
	action VARCHAR(60) NOT NULL, 
	subject VARCHAR(300) NOT NULL, 
	reason TEXT NOT NULL, 
	"before" JSON, 
	"after" JSON, 
	previous_hash VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_audit_entries PRIMARY KEY (tenant_id, sequence)
);
INSERT INTO "audit_entries" VALUES('default',1,'2026-01-01 00:00:00.000000','modelyard','member.added','members/admin','',NULL,'{"kind": "person", "role": "admin"}','0000000000000000000000000000000000000000000000000000000000000000','7f5ae036de9e4e9fe8420fcccd930856829c4e27aa3a902789dcc21216608dce');
INSERT INTO "audit_entries" VALUES('default',2,'2026-01-01 00:00:00.000000','modelyard','token.created','tokens/token-f0701484e6e44ad297e564f9cf01bf9c','',NULL,'{"subject": "admin", "name": "first token", "scopes": null, "expires_at": null}','7f5ae036de9e4e9fe8420fcccd930856829c4e27aa3a902789dcc21216608dce','12d0139c1e22193548862703851187bd7f394a46d7d51424352eab094a117a7d');
INSERT INTO "audit_entries" VALUES('default',3,'2026-01-01 00:00:00.000000','admin','member.added','members/petra','',NULL,'{"kind": "person", "role": "approver"}','12d0139c1e22193548862703851187bd7f394a46d7d51424352eab094a117a7d','f1b29ce92806140c656642b61d96acd5459a42fec6d543c7278c44cdd9d4bd5c');
INSERT INTO "audit_entries" VALUES('default',4,'2026-01-01 00:00:00.000000','admin','token.created','tokens/token-bcb94616b3dd4d3889bc18ce5304d739','',NULL,'{"subject": "petra", "name": "laptop", "scopes": null, "expires_at": null}','f1b29ce92806140c656642b61d96acd5459a42fec6d543c7278c44cdd9d4bd5c','c86775a943c3de65113c00d106c3266a57b69b3bca9b9481f5d4194415f5cc89');
INSERT INTO "audit_entries" VALUES('default',5,'2026-01-01 00:00:00.000000','admin','tenant.created','tenants/acme','',NULL,'{"name": "Acme", "quotas": {"models": 20}}','c86775a943c3de65113c00d106c3266a57b69b3bca9b9481f5d4194415f5cc89','8d35c3daa69a998cbaa8fe23da7943b2ec915d6494d9be8cf26c3e96498ea552');
INSERT INTO "audit_entries" VALUES('acme',1,'2026-01-01 00:00:00.000000','default/admin','tenant.created','tenants/acme','',NULL,'{"name": "Acme", "quotas": {"models": 20}}','0000000000000000000000000000000000000000000000000000000000000000','43dfe4be8e9580ad0510eefecc0f6a4238b293b61b902d58fbafee81b3ab06e9');
INSERT INTO "audit_entries" VALUES('acme',2,'2026-01-01 00:00:00.000000','default/admin','member.added','members/ada','',NULL,'{"kind": "person", "role": "admin"}','43dfe4be8e9580ad0510eefecc0f6a4238b293b61b902d58fbafee81b3ab06e9','1053213250b5eb282bb99bd441cdec85445dbdaaf9f8cb1f140873d9172777aa');
INSERT INTO "audit_entries" VALUES('acme',3,'2026-01-01 00:00:00.000000','default/admin','token.created','tokens/token-53ac6122f2874280b83171a8d3578dc3','',NULL,'{"subject": "ada", "name": "first token", "scopes": null, "expires_at": null}','1053213250b5eb282bb99bd441cdec85445dbdaaf9f8cb1f140873d9172777aa','c08a49080abc3740778708dc799edacd354c69e65b4c012ead62c4cd6625c014');
INSERT INTO "audit_entries" VALUES('default',6,'2026-01-01 00:01:00.000000','admin','model.created','models/churn','',NULL,'{"name": "churn"}','8d35c3daa69a998cbaa8fe23da7943b2ec915d6494d9be8cf26c3e96498ea552','414a4ede3958c06d4ce7c033882a33e405d48f2fdb6b503b17db140f785fb9a1');
INSERT INTO "audit_entries" VALUES('default',7,'2026-01-01 00:01:00.000000','admin','version.registered','models/churn/versions/1','',NULL,'{"stage": "none", "manifest": "5433b5bc7f84f6998a8fe240112b5ed897170dd703fd0164794fe14f136c6a5f", "run_id": "00000000000000000000000000000001"}','414a4ede3958c06d4ce7c033882a33e405d48f2fdb6b503b17db140f785fb9a1','b2f9f0296a9fdc372f08454c0af80dc24251eea090d96572f09b7abb416483f2');
INSERT INTO "audit_entries" VALUES('default',8,'2026-01-01 00:01:00.000000','admin','version.staging','models/churn/versions/1','reviewed','{"stage": "none"}','{"stage": "staging"}','b2f9f0296a9fdc372f08454c0af80dc24251eea090d96572f09b7abb416483f2','7c52f335f0d977a16d5b07806dbe09da6a81a1d8364571f65ec745888bf5905b');
INSERT INTO "audit_entries" VALUES('default',9,'2026-01-01 00:01:00.000000','admin','request.requested','models/churn/requests/req-11210fc7f0474a97a2468f604de92af9','better',NULL,'{"version": 1}','7c52f335f0d977a16d5b07806dbe09da6a81a1d8364571f65ec745888bf5905b','cc1313fcdc9a7ddd452d23cd3178ba9ec1ac4a90ef29566d06f42f1304bc74c6');
INSERT INTO "audit_entries" VALUES('default',10,'2026-01-01 00:01:00.000000','petra','request.approval_given','models/churn/requests/req-11210fc7f0474a97a2468f604de92af9','agreed',NULL,'{"version": 1}','cc1313fcdc9a7ddd452d23cd3178ba9ec1ac4a90ef29566d06f42f1304bc74c6','ce8e5509e9fb462830fc3ad0527f4ae1fec44f544b4422cb0e3ae27b398bb646');
INSERT INTO "audit_entries" VALUES('default',11,'2026-01-01 00:01:00.000000','petra','request.approved','models/churn/requests/req-11210fc7f0474a97a2468f604de92af9','agreed',NULL,'{"version": 1}','ce8e5509e9fb462830fc3ad0527f4ae1fec44f544b4422cb0e3ae27b398bb646','bde9b955e4cbd9e03ec9c10584614e9fcc9bb47980f9d24c30c5f853ca487ab8');
INSERT INTO "audit_entries" VALUES('default',12,'2026-01-01 00:01:00.000000','petra','version.production','models/churn/versions/1','better','{"stage": "staging"}','{"stage": "production"}','bde9b955e4cbd9e03ec9c10584614e9fcc9bb47980f9d24c30c5f853ca487ab8','6caa8452dae5df7a425fa15bf419eb28efdf8e84542240e082f947e9211e1587');
INSERT INTO "audit_entries" VALUES('default',13,'2026-01-01 00:02:00.000000','admin','version.registered','models/churn/versions/2','',NULL,'{"stage": "none", "manifest": "4810e3c93c679aa3a643a2f8e43808f522a2d42ce797ad418a52c2104c8f86da", "run_id": "00000000000000000000000000000003"}','6caa8452dae5df7a425fa15bf419eb28efdf8e84542240e082f947e9211e1587','a37d0e0cb074cdcf651cb42cb7f572b209e211920e575ab51b2d718d04e3bf22');
INSERT INTO "audit_entries" VALUES('default',14,'2026-01-01 00:02:00.000000','admin','version.staging','models/churn/versions/2','reviewed','{"stage": "none"}','{"stage": "staging"}','a37d0e0cb074cdcf651cb42cb7f572b209e211920e575ab51b2d718d04e3bf22','d36dcf62f370f2b855b8a922599bbc5bc7bd850b86cf098b21d6f60cbca718ba');
INSERT INTO "audit_entries" VALUES('default',15,'2026-01-01 00:02:00.000000','admin','request.requested','models/churn/requests/req-5a402f690a8648749ffcaf833e2629d2','better',NULL,'{"version": 2}','d36dcf62f370f2b855b8a922599bbc5bc7bd850b86cf098b21d6f60cbca718ba','425f3435f4242b89a794755812a829c593184acb345b9cc1b19b266dea3f65bb');
INSERT INTO "audit_entries" VALUES('default',16,'2026-01-01 00:02:00.000000','petra','request.approval_given','models/churn/requests/req-5a402f690a8648749ffcaf833e2629d2','agreed',NULL,'{"version": 2}','425f3435f4242b89a794755812a829c593184acb345b9cc1b19b266dea3f65bb','8f57f7eaca73973c11f57b032e1ed514f87ae78ffa8e177edd3219df9bad7ed6');
INSERT INTO "audit_entries" VALUES('default',17,'2026-01-01 00:02:00.000000','petra','request.approved','models/churn/requests/req-5a402f690a8648749ffcaf833e2629d2','agreed',NULL,'{"version": 2}','8f57f7eaca73973c11f57b032e1ed514f87ae78ffa8e177edd3219df9bad7ed6','2b0f4147d5b5279436cbb749b37ba80d7546ae500770907be7a9f5e902dff79f');
INSERT INTO "audit_entries" VALUES('default',18,'2026-01-01 00:02:00.000000','petra','version.archived','models/churn/versions/1','version 2 took its place','{"stage": "production"}','{"stage": "archived"}','2b0f4147d5b5279436cbb749b37ba80d7546ae500770907be7a9f5e902dff79f','472cccc212c91fec12e4e0a387a5ffc825fe8bcd2724d551e9a4f6ce93070b7a');
INSERT INTO "audit_entries" VALUES('default',19,'2026-01-01 00:02:00.000000','petra','version.production','models/churn/versions/2','better','{"stage": "staging"}','{"stage": "production"}','472cccc212c91fec12e4e0a387a5ffc825fe8bcd2724d551e9a4f6ce93070b7a','23691048f2060fa74318bc182af30f2fd1d3f0c17408428efc9eed89139d2aa2');
INSERT INTO "audit_entries" VALUES('default',20,'2026-01-01 00:03:00.000000','admin','version.registered','models/churn/versions/3','',NULL,'{"stage": "none", "manifest": "ae2818673251573e17c6565c0165e53a391f77ab3be1d939256eb99d85a0c260", "run_id": "00000000000000000000000000000005"}','23691048f2060fa74318bc182af30f2fd1d3f0c17408428efc9eed89139d2aa2','e83a3a2148cfc7c0c0191f2512a11fbb447f1d3f60b719f00fd3bfc4f534c865');
INSERT INTO "audit_entries" VALUES('default',21,'2026-01-01 00:03:00.000000','admin','policy.changed','models/churn/policy','','{"needed_approvals": 1, "approvers": [], "metrics": [], "tags": [], "checks": []}','{"needed_approvals": 2, "approvers": [], "metrics": ["auc"], "tags": ["by"], "checks": ["bias"]}','e83a3a2148cfc7c0c0191f2512a11fbb447f1d3f60b719f00fd3bfc4f534c865','f790f8cfc0b62f3cd0260647b146a69b71db5c65c2803c3b65f0ce4aaae30cfb');
INSERT INTO "audit_entries" VALUES('default',22,'2026-01-01 00:03:00.000000','admin','check.recorded','models/churn/versions/3','by hand',NULL,'{"check": "bias", "is_passed": true}','f790f8cfc0b62f3cd0260647b146a69b71db5c65c2803c3b65f0ce4aaae30cfb','41299cda691abe38e429c4d2deeb6be868e3069221a09f577d50c990f7f6ed08');
INSERT INTO "audit_entries" VALUES('default',23,'2026-01-01 00:03:00.000000','admin','version.staging','models/churn/versions/3','reviewed','{"stage": "none"}','{"stage": "staging"}','41299cda691abe38e429c4d2deeb6be868e3069221a09f577d50c990f7f6ed08','6a4e1609408332ed0c9388b3fead3748aeca27fdeaf7d07102cb2c4c2cffbb37');
INSERT INTO "audit_entries" VALUES('default',24,'2026-01-01 00:03:00.000000','admin','request.requested','models/churn/requests/req-2a14c80a5338409aaf1977927f337825','better',NULL,'{"version": 3}','6a4e1609408332ed0c9388b3fead3748aeca27fdeaf7d07102cb2c4c2cffbb37','4a9d49352d8d3d84b1ac0d90cab2f19e85602fa9474a50e820dccdd3bcdfd4a8');
INSERT INTO "audit_entries" VALUES('default',25,'2026-01-01 00:03:00.000000','admin','job.queued','jobs/job-c52b51a8fd1b4f41ba07ec3d6ec191d2','',NULL,'{"kind": "deployment", "model_name": "churn"}','4a9d49352d8d3d84b1ac0d90cab2f19e85602fa9474a50e820dccdd3bcdfd4a8','406d9cfc3c494e7fe8df48b2663541b2a18a3a9f6fcabdc546ae7ab14b886b62');
INSERT INTO "audit_entries" VALUES('default',26,'2026-01-01 00:03:00.000000','admin','deployment.created','deployments/dep-af3c3ccc46184dacaab06650ac245421','',NULL,'{"model": "models/churn/versions/2", "replicas": 2, "namespace": "default"}','406d9cfc3c494e7fe8df48b2663541b2a18a3a9f6fcabdc546ae7ab14b886b62','e93abf03bf95bf61875257c59607e495714ea47da0cd83bfc4a8f3a2c509c2e8');
CREATE TABLE bundles (
	tenant_id VARCHAR(40) NOT NULL, 
	model_name VARCHAR(100) NOT NULL, 
	version INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	manifest_digest VARCHAR(64) NOT NULL, 
	runtime VARCHAR(40) NOT NULL, 
	lock_digest VARCHAR(64) NOT NULL, 
	python TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_bundles PRIMARY KEY (tenant_id, model_name, version), 
	CONSTRAINT fk_bundles_tenant_id_model_name_version_versions FOREIGN KEY(tenant_id, model_name, version) REFERENCES versions (tenant_id, model_name, version)
);
INSERT INTO "bundles" VALUES('default','churn',2,'/home/ada/.modelyard/bundles/default/churn/2','dc5170587f2ef68bb6a8e68032e1e8970833f6faf3ce053a709abb5ce94cdd6a','sklearn','2f0d8dfc6f387680e8c3ba009dba4ee8e0bf92551f293f25065b6f3be6a52bd0','/home/ada/.modelyard/environments/python','2026-01-01 00:03:00.000000');
CREATE TABLE deployments (
	id VARCHAR(40) NOT NULL, 
	tenant_id VARCHAR(40) NOT NULL, 
	namespace VARCHAR(63) NOT NULL, 
	model_name VARCHAR(100) NOT NULL, 
	version INTEGER NOT NULL, 
	target VARCHAR(40) NOT NULL, 
	replicas INTEGER NOT NULL, 
	is_wanted BOOLEAN NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	reason TEXT, 
	url TEXT, 
	ready_replicas INTEGER NOT NULL, 
	job_id VARCHAR(40), 
	created_by VARCHAR(200) NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_deployments PRIMARY KEY (id), 
	CONSTRAINT fk_deployments_tenant_id_model_name_version_versions FOREIGN KEY(tenant_id, model_name, version) REFERENCES versions (tenant_id, model_name, version), 
	CONSTRAINT uq_deployments_job_id UNIQUE (job_id)
);
INSERT INTO "deployments" VALUES('dep-af3c3ccc46184dacaab06650ac245421','default','default','churn',2,'fake',2,1,'pending',NULL,NULL,0,'job-c52b51a8fd1b4f41ba07ec3d6ec191d2','admin','2026-01-01 00:03:00.000000','2026-01-01 00:03:00.000000');
CREATE TABLE jobs (
	id VARCHAR(40) NOT NULL, 
	tenant_id VARCHAR(40) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	phase VARCHAR(20), 
	model_name VARCHAR(100) NOT NULL, 
	request JSON NOT NULL, 
	result JSON NOT NULL, 
	error_code VARCHAR(60), 
	error_message VARCHAR(2000), 
	idempotency_key VARCHAR(200), 
	request_digest VARCHAR(64) NOT NULL, 
	created_by VARCHAR(200) NOT NULL, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	finished_at DATETIME, 
	is_cancel_requested BOOLEAN NOT NULL, 
	CONSTRAINT pk_jobs PRIMARY KEY (id), 
	CONSTRAINT uq_jobs_tenant_id_idempotency_key UNIQUE (tenant_id, idempotency_key)
);
INSERT INTO "jobs" VALUES('job-c52b51a8fd1b4f41ba07ec3d6ec191d2','default','deployment','queued',NULL,'churn','{"version": 2}','{}',NULL,NULL,NULL,'f3970b5e17373a7475f346f72a7bfcf27e4eeecc5359b10fbd2766a9df09a919','admin','2026-01-01 00:03:00.000000',NULL,NULL,0);
CREATE TABLE locks (
	digest VARCHAR(64) NOT NULL, 
	text TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_locks PRIMARY KEY (digest)
);
INSERT INTO "locks" VALUES('2f0d8dfc6f387680e8c3ba009dba4ee8e0bf92551f293f25065b6f3be6a52bd0','modelyard-serving==1.0 \
    --hash=sha256:af50801d344df8cb16ffb61375442e1a0b29802c9e302df8b2e2ee940d66973e
scikit-learn==1.5.0 \
    --hash=sha256:38c033b2b481e3bb3fb127c49ca2e5d37dcbf89c6d50752dcda3b118cc57aaaf
','2026-01-01 00:03:00.000000');
CREATE TABLE members (
	tenant_id VARCHAR(40) NOT NULL, 
	subject VARCHAR(200) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	role VARCHAR(20) NOT NULL, 
	created_at DATETIME NOT NULL, 
	created_by VARCHAR(200) NOT NULL, 
	removed_at DATETIME, 
	CONSTRAINT pk_members PRIMARY KEY (tenant_id, subject), 
	CONSTRAINT fk_members_tenant_id_tenants FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);
INSERT INTO "members" VALUES('default','admin','person','admin','2026-01-01 00:00:00.000000','modelyard',NULL);
INSERT INTO "members" VALUES('default','petra','person','approver','2026-01-01 00:00:00.000000','admin',NULL);
INSERT INTO "members" VALUES('acme','ada','person','admin','2026-01-01 00:00:00.000000','default/admin',NULL);
CREATE TABLE models (
	tenant_id VARCHAR(40) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	description TEXT NOT NULL, 
	tags JSON NOT NULL, 
	last_version INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	deleted_at DATETIME, 
	CONSTRAINT pk_models PRIMARY KEY (tenant_id, name)
);
INSERT INTO "models" VALUES('default','churn','','{}',3,'2026-01-01 00:01:00.000000','2026-01-01 00:03:00.000000',NULL);
CREATE TABLE outbox (
	id INTEGER NOT NULL, 
	tenant_id VARCHAR(40) NOT NULL, 
	topic VARCHAR(60) NOT NULL, 
	payload JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_attempt_at DATETIME, 
	delivered_at DATETIME, 
	last_error TEXT, 
	CONSTRAINT pk_outbox PRIMARY KEY (id)
);
INSERT INTO "outbox" VALUES(1,'default','registry.mirror_version','{"tenant_id": "default", "model_name": "churn", "version": 1}','2026-01-01 00:01:00.000000',0,'2026-01-01 00:01:00.000000',NULL,NULL);
INSERT INTO "outbox" VALUES(2,'default','registry.mirror_version','{"tenant_id": "default", "model_name": "churn", "version": 1}','2026-01-01 00:01:00.000000',0,'2026-01-01 00:01:00.000000',NULL,NULL);
INSERT INTO "outbox" VALUES(3,'default','registry.mirror_version','{"tenant_id": "default", "model_name": "churn", "version": 1}','2026-01-01 00:01:00.000000',0,'2026-01-01 00:01:00.000000',NULL,NULL);
INSERT INTO "outbox" VALUES(4,'default','registry.mirror_version','{"tenant_id": "default", "model_name": "churn", "version": 2}','2026-01-01 00:02:00.000000',0,'2026-01-01 00:02:00.000000',NULL,NULL);
INSERT INTO "outbox" VALUES(5,'default','registry.mirror_version','{"tenant_id": "default", "model_name": "churn", "version": 2}','2026-01-01 00:02:00.000000',0,'2026-01-01 00:02:00.000000',NULL,NULL);
INSERT INTO "outbox" VALUES(6,'default','registry.mirror_version','{"tenant_id": "default", "model_name": "churn", "version": 1}','2026-01-01 00:02:00.000000',0,'2026-01-01 00:02:00.000000',NULL,NULL);
INSERT INTO "outbox" VALUES(7,'default','registry.mirror_version','{"tenant_id": "default", "model_name": "churn", "version": 2}','2026-01-01 00:02:00.000000',0,'2026-01-01 00:02:00.000000',NULL,NULL);
INSERT INTO "outbox" VALUES(8,'default','registry.mirror_version','{"tenant_id": "default", "model_name": "churn", "version": 3}','2026-01-01 00:03:00.000000',0,'2026-01-01 00:03:00.000000',NULL,NULL);
INSERT INTO "outbox" VALUES(9,'default','registry.mirror_version','{"tenant_id": "default", "model_name": "churn", "version": 3}','2026-01-01 00:03:00.000000',0,'2026-01-01 00:03:00.000000',NULL,NULL);
CREATE TABLE policies (
	tenant_id VARCHAR(40) NOT NULL, 
	model_name VARCHAR(100) NOT NULL, 
	policy JSON NOT NULL, 
	revision INTEGER NOT NULL, 
	updated_at DATETIME NOT NULL, 
	updated_by VARCHAR(200) NOT NULL, 
	CONSTRAINT pk_policies PRIMARY KEY (tenant_id, model_name), 
	CONSTRAINT fk_policies_tenant_id_model_name_models FOREIGN KEY(tenant_id, model_name) REFERENCES models (tenant_id, name)
);
INSERT INTO "policies" VALUES('default','churn','{"needed_approvals": 2, "approvers": [], "metrics": [{"metric": "auc", "direction": "higher", "baseline": "absolute", "threshold": 0.85}], "tags": {"by": null}, "checks": ["bias"], "expires_after_hours": 336.0, "auto_staging": false}',1,'2026-01-01 00:03:00.000000','admin');
CREATE TABLE promotion_approvals (
	request_id VARCHAR(40) NOT NULL, 
	subject VARCHAR(200) NOT NULL, 
	at DATETIME NOT NULL, 
	comment TEXT NOT NULL, 
	CONSTRAINT pk_promotion_approvals PRIMARY KEY (request_id, subject), 
	CONSTRAINT fk_promotion_approvals_request_id_promotion_requests FOREIGN KEY(request_id) REFERENCES promotion_requests (id)
);
INSERT INTO "promotion_approvals" VALUES('req-11210fc7f0474a97a2468f604de92af9','petra','2026-01-01 00:01:00.000000','agreed');
INSERT INTO "promotion_approvals" VALUES('req-5a402f690a8648749ffcaf833e2629d2','petra','2026-01-01 00:02:00.000000','agreed');
CREATE TABLE promotion_requests (
	id VARCHAR(40) NOT NULL, 
	tenant_id VARCHAR(40) NOT NULL, 
	model_name VARCHAR(100) NOT NULL, 
	version INTEGER NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	comment TEXT NOT NULL, 
	requested_by VARCHAR(200) NOT NULL, 
	requested_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	findings JSON NOT NULL, 
	evidence_digest VARCHAR(64) NOT NULL, 
	needed_approvals INTEGER NOT NULL, 
	decided_by VARCHAR(200), 
	decided_at DATETIME, 
	reason TEXT, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_promotion_requests PRIMARY KEY (id), 
	CONSTRAINT fk_promotion_requests_tenant_id_model_name_version_versions FOREIGN KEY(tenant_id, model_name, version) REFERENCES versions (tenant_id, model_name, version)
);
INSERT INTO "promotion_requests" VALUES('req-11210fc7f0474a97a2468f604de92af9','default','churn',1,'approved','better','admin','2026-01-01 00:01:00.000000','2026-01-15 00:01:00.000000','[]','515efa5ecb3d22607745a00de9152e29890a0cb9bfde35679e740ad4000da95a',1,'petra','2026-01-01 00:01:00.000000','agreed',2);
INSERT INTO "promotion_requests" VALUES('req-5a402f690a8648749ffcaf833e2629d2','default','churn',2,'approved','better','admin','2026-01-01 00:02:00.000000','2026-01-15 00:02:00.000000','[]','0a70e87c7bd14fd0fd1751a7b2c054e5e0b08005c0087efe141183e682aa713d',1,'petra','2026-01-01 00:02:00.000000','agreed',2);
INSERT INTO "promotion_requests" VALUES('req-2a14c80a5338409aaf1977927f337825','default','churn',3,'requested','better','admin','2026-01-01 00:03:00.000000','2026-01-15 00:03:00.000000','[{"rule": "metric:auc", "is_met": true, "message": "metric ''auc'': expected at least 0.85, got 0.95"}, {"rule": "tag:by", "is_met": true, "message": "tag ''by'': got ''me''"}, {"rule": "check:bias", "is_met": true, "message": "check ''bias'': passed"}]','35d2b0cc21488156a2a60d413ec7a0a9c0651636118450606a96edb7a751ec65',2,NULL,NULL,NULL,1);
CREATE TABLE tenants (
	id VARCHAR(40) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	quotas JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_tenants PRIMARY KEY (id)
);
INSERT INTO "tenants" VALUES('default','default','{}','2026-01-01 00:00:00.000000');
INSERT INTO "tenants" VALUES('acme','Acme','{"models": 20}','2026-01-01 00:00:00.000000');
CREATE TABLE tokens (
	id VARCHAR(40) NOT NULL, 
	tenant_id VARCHAR(40) NOT NULL, 
	subject VARCHAR(200) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	scopes JSON, 
	digest VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	created_by VARCHAR(200) NOT NULL, 
	expires_at DATETIME, 
	revoked_at DATETIME, 
	last_used_at DATETIME, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT fk_tokens_tenant_id_subject_members FOREIGN KEY(tenant_id, subject) REFERENCES members (tenant_id, subject), 
	CONSTRAINT uq_tokens_digest UNIQUE (digest)
);
INSERT INTO "tokens" VALUES('token-f0701484e6e44ad297e564f9cf01bf9c','default','admin','first token',NULL,'37836ff9ab5e4eb255ef5bec2b55179d9b2762605db714c3bbb0d6a72ccbad10','2026-01-01 00:00:00.000000','modelyard',NULL,NULL,NULL);
INSERT INTO "tokens" VALUES('token-bcb94616b3dd4d3889bc18ce5304d739','default','petra','laptop',NULL,'d51fe05b62020aedd3826781edb9419027424dfbe2f2bfefa9d72341998b4d96','2026-01-01 00:00:00.000000','admin',NULL,NULL,NULL);
INSERT INTO "tokens" VALUES('token-53ac6122f2874280b83171a8d3578dc3','acme','ada','first token',NULL,'2ddf8f6389e8fb07a1dd4671f7d1f81ef1825bff5b24ae399b5fd64c4ca8fdca','2026-01-01 00:00:00.000000','default/admin',NULL,NULL,NULL);
CREATE TABLE version_checks (
	tenant_id VARCHAR(40) NOT NULL, 
	model_name VARCHAR(100) NOT NULL, 
	version INTEGER NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	is_passed BOOLEAN NOT NULL, 
	details TEXT NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	recorded_by VARCHAR(200) NOT NULL, 
	CONSTRAINT pk_version_checks PRIMARY KEY (tenant_id, model_name, version, name), 
	CONSTRAINT fk_version_checks_tenant_id_model_name_version_versions FOREIGN KEY(tenant_id, model_name, version) REFERENCES versions (tenant_id, model_name, version)
);
INSERT INTO "version_checks" VALUES('default','churn',3,'bias',1,'by hand','2026-01-01 00:03:00.000000','admin');
CREATE TABLE version_files (
	tenant_id VARCHAR(40) NOT NULL, 
	model_name VARCHAR(100) NOT NULL, 
	version INTEGER NOT NULL, 
	path VARCHAR(500) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	size BIGINT NOT NULL, 
	CONSTRAINT pk_version_files PRIMARY KEY (tenant_id, model_name, version, path), 
	CONSTRAINT fk_version_files_tenant_id_model_name_version_versions FOREIGN KEY(tenant_id, model_name, version) REFERENCES versions (tenant_id, model_name, version)
);
INSERT INTO "version_files" VALUES('default','churn',1,'MLmodel','d944dcedfa7859cf9a0cf3c8be0241101101149a5026d1d1070953523e7951d6',23);
INSERT INTO "version_files" VALUES('default','churn',1,'model.pkl','e0cca2965509df678c8064f5e0b9076016fa752f88a6c749768db83479450cc5',32);
INSERT INTO "version_files" VALUES('default','churn',1,'requirements.txt','b6ab5e88e450b666e6d60fdaa36f33f5962c592b8862c42d409442030549fc26',20);
INSERT INTO "version_files" VALUES('default','churn',2,'MLmodel','d944dcedfa7859cf9a0cf3c8be0241101101149a5026d1d1070953523e7951d6',23);
INSERT INTO "version_files" VALUES('default','churn',2,'model.pkl','19d8d35c06ab2cb2ae937b5b8dd4c8570a15280b813e6f0c534b258c9954c7c6',32);
INSERT INTO "version_files" VALUES('default','churn',2,'requirements.txt','b6ab5e88e450b666e6d60fdaa36f33f5962c592b8862c42d409442030549fc26',20);
INSERT INTO "version_files" VALUES('default','churn',3,'MLmodel','d944dcedfa7859cf9a0cf3c8be0241101101149a5026d1d1070953523e7951d6',23);
INSERT INTO "version_files" VALUES('default','churn',3,'model.pkl','2dc3b97b1e90788f360b3e5ad8dda3b159ff696d7f313bcd8eb019f597793358',32);
INSERT INTO "version_files" VALUES('default','churn',3,'requirements.txt','b6ab5e88e450b666e6d60fdaa36f33f5962c592b8862c42d409442030549fc26',20);
CREATE TABLE versions (
	tenant_id VARCHAR(40) NOT NULL, 
	model_name VARCHAR(100) NOT NULL, 
	version INTEGER NOT NULL, 
	stage VARCHAR(20) NOT NULL, 
	model_uri TEXT NOT NULL, 
	artifact_uri TEXT NOT NULL, 
	run_id VARCHAR(64), 
	experiment_name TEXT, 
	description TEXT NOT NULL, 
	tags JSON NOT NULL, 
	metrics JSON NOT NULL, 
	parameters JSON NOT NULL, 
	signature JSON, 
	manifest_digest VARCHAR(64) NOT NULL, 
	size BIGINT NOT NULL, 
	lock_digest VARCHAR(64), 
	job_id VARCHAR(40), 
	created_at DATETIME NOT NULL, 
	created_by VARCHAR(200) NOT NULL, 
	revision INTEGER NOT NULL, 
	deleted_at DATETIME, 
	CONSTRAINT pk_versions PRIMARY KEY (tenant_id, model_name, version), 
	CONSTRAINT fk_versions_tenant_id_model_name_models FOREIGN KEY(tenant_id, model_name) REFERENCES models (tenant_id, name), 
	CONSTRAINT uq_versions_job_id UNIQUE (job_id)
);
INSERT INTO "versions" VALUES('default','churn',1,'archived','models:/m-00000000000000000000000000000002','mlflow-artifacts:/models/m-00000000000000000000000000000002/artifacts','00000000000000000000000000000001','churn','','{"by": "me"}','{"auc": 0.8, "loss": 0.19999999999999996}','{"depth": "3"}',NULL,'5433b5bc7f84f6998a8fe240112b5ed897170dd703fd0164794fe14f136c6a5f',75,NULL,NULL,'2026-01-01 00:01:00.000000','admin',4,NULL);
INSERT INTO "versions" VALUES('default','churn',2,'production','models:/m-00000000000000000000000000000004','mlflow-artifacts:/models/m-00000000000000000000000000000004/artifacts','00000000000000000000000000000003','churn','','{"by": "me", "team": "risk"}','{"auc": 0.9, "loss": 0.09999999999999998}','{"depth": "3"}',NULL,'4810e3c93c679aa3a643a2f8e43808f522a2d42ce797ad418a52c2104c8f86da',75,NULL,NULL,'2026-01-01 00:02:00.000000','admin',3,NULL);
INSERT INTO "versions" VALUES('default','churn',3,'staging','models:/m-00000000000000000000000000000006','mlflow-artifacts:/models/m-00000000000000000000000000000006/artifacts','00000000000000000000000000000005','churn','wider','{"by": "me"}','{"auc": 0.95, "loss": 0.050000000000000044}','{"depth": "3"}',NULL,'ae2818673251573e17c6565c0165e53a391f77ab3be1d939256eb99d85a0c260',75,NULL,NULL,'2026-01-01 00:03:00.000000','admin',2,NULL);
CREATE INDEX ix_audit_entries_subject ON audit_entries (tenant_id, subject, sequence);
CREATE INDEX ix_jobs_status ON jobs (status);
CREATE INDEX ix_jobs_tenant_id_created_at ON jobs (tenant_id, created_at, id);
CREATE INDEX ix_outbox_next_attempt_at ON outbox (next_attempt_at);
CREATE UNIQUE INDEX ix_versions_one_production ON versions (tenant_id, model_name) WHERE stage = 'production';
CREATE INDEX ix_versions_run_id ON versions (run_id);
CREATE INDEX ix_deployments_status ON deployments (status);
CREATE INDEX ix_deployments_tenant_id_created_at ON deployments (tenant_id, created_at, id);
CREATE INDEX ix_promotion_requests_model ON promotion_requests (tenant_id, model_name, requested_at, id);
CREATE UNIQUE INDEX ix_promotion_requests_one_open ON promotion_requests (tenant_id, model_name, version) WHERE status = 'requested';
CREATE INDEX ix_tokens_tenant_id_created_at ON tokens (tenant_id, created_at, id);
COMMIT;
