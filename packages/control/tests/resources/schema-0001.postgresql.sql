CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.audit_entries (
    tenant_id character varying(40) NOT NULL,
    sequence integer NOT NULL,
    at timestamp with time zone NOT NULL,
    actor character varying(200) NOT NULL,
    action character varying(60) NOT NULL,
    subject character varying(300) NOT NULL,
    reason text NOT NULL,
    before jsonb,
    after jsonb,
    previous_hash character varying(64) NOT NULL,
    hash character varying(64) NOT NULL
);
CREATE TABLE public.bundles (
    tenant_id character varying(40) NOT NULL,
    model_name character varying(100) NOT NULL,
    version integer NOT NULL,
    path text NOT NULL,
    manifest_digest character varying(64) NOT NULL,
    runtime character varying(40) NOT NULL,
    lock_digest character varying(64) NOT NULL,
    python text NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.deployments (
    id character varying(40) NOT NULL,
    tenant_id character varying(40) NOT NULL,
    namespace character varying(63) NOT NULL,
    model_name character varying(100) NOT NULL,
    version integer NOT NULL,
    target character varying(40) NOT NULL,
    replicas integer NOT NULL,
    is_wanted boolean NOT NULL,
    status character varying(20) NOT NULL,
    reason text,
    url text,
    ready_replicas integer NOT NULL,
    job_id character varying(40),
    created_by character varying(200) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
CREATE TABLE public.jobs (
    id character varying(40) NOT NULL,
    tenant_id character varying(40) NOT NULL,
    kind character varying(20) NOT NULL,
    status character varying(20) NOT NULL,
    phase character varying(20),
    model_name character varying(100) NOT NULL,
    request jsonb NOT NULL,
    result jsonb NOT NULL,
    error_code character varying(60),
    error_message character varying(2000),
    idempotency_key character varying(200),
    request_digest character varying(64) NOT NULL,
    created_by character varying(200) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    is_cancel_requested boolean NOT NULL
);
CREATE TABLE public.locks (
    digest character varying(64) NOT NULL,
    text text NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.members (
    tenant_id character varying(40) NOT NULL,
    subject character varying(200) NOT NULL,
    kind character varying(20) NOT NULL,
    role character varying(20) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by character varying(200) NOT NULL,
    removed_at timestamp with time zone
);
CREATE TABLE public.models (
    tenant_id character varying(40) NOT NULL,
    name character varying(100) NOT NULL,
    description text NOT NULL,
    tags jsonb NOT NULL,
    last_version integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone
);
CREATE TABLE public.outbox (
    id integer NOT NULL,
    tenant_id character varying(40) NOT NULL,
    topic character varying(60) NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    attempts integer NOT NULL,
    next_attempt_at timestamp with time zone,
    delivered_at timestamp with time zone,
    last_error text
);
CREATE SEQUENCE public.outbox_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.outbox_id_seq OWNED BY public.outbox.id;
CREATE TABLE public.policies (
    tenant_id character varying(40) NOT NULL,
    model_name character varying(100) NOT NULL,
    policy jsonb NOT NULL,
    revision integer NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    updated_by character varying(200) NOT NULL
);
CREATE TABLE public.promotion_approvals (
    request_id character varying(40) NOT NULL,
    subject character varying(200) NOT NULL,
    at timestamp with time zone NOT NULL,
    comment text NOT NULL
);
CREATE TABLE public.promotion_requests (
    id character varying(40) NOT NULL,
    tenant_id character varying(40) NOT NULL,
    model_name character varying(100) NOT NULL,
    version integer NOT NULL,
    status character varying(20) NOT NULL,
    comment text NOT NULL,
    requested_by character varying(200) NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    findings jsonb NOT NULL,
    evidence_digest character varying(64) NOT NULL,
    needed_approvals integer NOT NULL,
    decided_by character varying(200),
    decided_at timestamp with time zone,
    reason text,
    revision integer NOT NULL
);
CREATE TABLE public.tenants (
    id character varying(40) NOT NULL,
    name character varying(100) NOT NULL,
    quotas jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.tokens (
    id character varying(40) NOT NULL,
    tenant_id character varying(40) NOT NULL,
    subject character varying(200) NOT NULL,
    name character varying(100) NOT NULL,
    scopes jsonb,
    digest character varying(64) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by character varying(200) NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone
);
CREATE TABLE public.version_checks (
    tenant_id character varying(40) NOT NULL,
    model_name character varying(100) NOT NULL,
    version integer NOT NULL,
    name character varying(100) NOT NULL,
    is_passed boolean NOT NULL,
    details text NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    recorded_by character varying(200) NOT NULL
);
CREATE TABLE public.version_files (
    tenant_id character varying(40) NOT NULL,
    model_name character varying(100) NOT NULL,
    version integer NOT NULL,
    path character varying(500) NOT NULL,
    sha256 character varying(64) NOT NULL,
    size bigint NOT NULL
);
CREATE TABLE public.versions (
    tenant_id character varying(40) NOT NULL,
    model_name character varying(100) NOT NULL,
    version integer NOT NULL,
    stage character varying(20) NOT NULL,
    model_uri text NOT NULL,
    artifact_uri text NOT NULL,
    run_id character varying(64),
    experiment_name text,
    description text NOT NULL,
    tags jsonb NOT NULL,
    metrics jsonb NOT NULL,
    parameters jsonb NOT NULL,
    signature jsonb,
    manifest_digest character varying(64) NOT NULL,
    size bigint NOT NULL,
    lock_digest character varying(64),
    job_id character varying(40),
    created_at timestamp with time zone NOT NULL,
    created_by character varying(200) NOT NULL,
    revision integer NOT NULL,
    deleted_at timestamp with time zone
);
ALTER TABLE ONLY public.outbox ALTER COLUMN id SET DEFAULT nextval('public.outbox_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0001');
INSERT INTO public.audit_entries VALUES ('default', 1, '2026-01-01 00:00:00+00', 'modelyard', 'member.added', 'members/admin', '', NULL, '{"kind": "person", "role": "admin"}', '0000000000000000000000000000000000000000000000000000000000000000', '7f5ae036de9e4e9fe8420fcccd930856829c4e27aa3a902789dcc21216608dce');
INSERT INTO public.audit_entries VALUES ('default', 2, '2026-01-01 00:00:00+00', 'modelyard', 'token.created', 'tokens/token-4786e502bc614874a8e8ea4692fe0326', '', NULL, '{"name": "first token", "scopes": null, "subject": "admin", "expires_at": null}', '7f5ae036de9e4e9fe8420fcccd930856829c4e27aa3a902789dcc21216608dce', 'fbd8357555f75ebd437463edb3e7a40aed93b6ccc7c77d87673d4e6576c85c20');
INSERT INTO public.audit_entries VALUES ('default', 3, '2026-01-01 00:00:00+00', 'admin', 'member.added', 'members/petra', '', NULL, '{"kind": "person", "role": "approver"}', 'fbd8357555f75ebd437463edb3e7a40aed93b6ccc7c77d87673d4e6576c85c20', '44d892921d6a1cf21e1f49bf135efd6abcc5503c7d33569862ff4cd800af887d');
INSERT INTO public.audit_entries VALUES ('default', 4, '2026-01-01 00:00:00+00', 'admin', 'token.created', 'tokens/token-9a3d683ec8864e3bb5c2117d1926c2c7', '', NULL, '{"name": "laptop", "scopes": null, "subject": "petra", "expires_at": null}', '44d892921d6a1cf21e1f49bf135efd6abcc5503c7d33569862ff4cd800af887d', 'ae328032c2398a0470e863ef91519dc165d0f8f8fb46fd2ea7967bc6dbbd3975');
INSERT INTO public.audit_entries VALUES ('default', 5, '2026-01-01 00:00:00+00', 'admin', 'tenant.created', 'tenants/acme', '', NULL, '{"name": "Acme", "quotas": {"models": 20}}', 'ae328032c2398a0470e863ef91519dc165d0f8f8fb46fd2ea7967bc6dbbd3975', 'f13b44f0d604d3ac280d19e31a8eb9f7ecfe4467a52e59e2f4e2a52eaa11e337');
INSERT INTO public.audit_entries VALUES ('acme', 1, '2026-01-01 00:00:00+00', 'default/admin', 'tenant.created', 'tenants/acme', '', NULL, '{"name": "Acme", "quotas": {"models": 20}}', '0000000000000000000000000000000000000000000000000000000000000000', '43dfe4be8e9580ad0510eefecc0f6a4238b293b61b902d58fbafee81b3ab06e9');
INSERT INTO public.audit_entries VALUES ('acme', 2, '2026-01-01 00:00:00+00', 'default/admin', 'member.added', 'members/ada', '', NULL, '{"kind": "person", "role": "admin"}', '43dfe4be8e9580ad0510eefecc0f6a4238b293b61b902d58fbafee81b3ab06e9', '1053213250b5eb282bb99bd441cdec85445dbdaaf9f8cb1f140873d9172777aa');
INSERT INTO public.audit_entries VALUES ('acme', 3, '2026-01-01 00:00:00+00', 'default/admin', 'token.created', 'tokens/token-6b3d647fc13348d7a359e5f2d110aed6', '', NULL, '{"name": "first token", "scopes": null, "subject": "ada", "expires_at": null}', '1053213250b5eb282bb99bd441cdec85445dbdaaf9f8cb1f140873d9172777aa', '9f72f04eef2d52bca69cec58ff8bb3eef905af1513a6eb075e5e1a648db4d4ef');
INSERT INTO public.audit_entries VALUES ('default', 6, '2026-01-01 00:01:00+00', 'admin', 'model.created', 'models/churn', '', NULL, '{"name": "churn"}', 'f13b44f0d604d3ac280d19e31a8eb9f7ecfe4467a52e59e2f4e2a52eaa11e337', '39872c2f01fc2ec2ec248226f03a5d31fb04e9b0e64905143a66a2e004f7e83d');
INSERT INTO public.audit_entries VALUES ('default', 7, '2026-01-01 00:01:00+00', 'admin', 'version.registered', 'models/churn/versions/1', '', NULL, '{"stage": "none", "run_id": "00000000000000000000000000000001", "manifest": "5433b5bc7f84f6998a8fe240112b5ed897170dd703fd0164794fe14f136c6a5f"}', '39872c2f01fc2ec2ec248226f03a5d31fb04e9b0e64905143a66a2e004f7e83d', 'ac1ac344dd03d1239120ce2f7cb15983d90ac7e57ca71cca1ca28bf0cf49a7f4');
INSERT INTO public.audit_entries VALUES ('default', 8, '2026-01-01 00:01:00+00', 'admin', 'version.staging', 'models/churn/versions/1', 'reviewed', '{"stage": "none"}', '{"stage": "staging"}', 'ac1ac344dd03d1239120ce2f7cb15983d90ac7e57ca71cca1ca28bf0cf49a7f4', '61f8111689ece5cde2e83b9be645742f6c717b67761e6d95bf56e5ad16f58d26');
INSERT INTO public.audit_entries VALUES ('default', 9, '2026-01-01 00:01:00+00', 'admin', 'request.requested', 'models/churn/requests/req-9b57864cb2844200848673154c0afa96', 'better', NULL, '{"version": 1}', '61f8111689ece5cde2e83b9be645742f6c717b67761e6d95bf56e5ad16f58d26', '7d8371bab53ca9bd21564b66ddcb363dd9585cedededfc4d49f58959ae2b2c2e');
INSERT INTO public.audit_entries VALUES ('default', 10, '2026-01-01 00:01:00+00', 'petra', 'request.approval_given', 'models/churn/requests/req-9b57864cb2844200848673154c0afa96', 'agreed', NULL, '{"version": 1}', '7d8371bab53ca9bd21564b66ddcb363dd9585cedededfc4d49f58959ae2b2c2e', 'f830ecf245c6b78dcd5f816004547c2cc6c8f33bba5edc77d3ad31aae63ce06f');
INSERT INTO public.audit_entries VALUES ('default', 11, '2026-01-01 00:01:00+00', 'petra', 'request.approved', 'models/churn/requests/req-9b57864cb2844200848673154c0afa96', 'agreed', NULL, '{"version": 1}', 'f830ecf245c6b78dcd5f816004547c2cc6c8f33bba5edc77d3ad31aae63ce06f', '9e210f3264444b50eff00755d08f25929b4d8ce2a3174357a62b7261d3325310');
INSERT INTO public.audit_entries VALUES ('default', 12, '2026-01-01 00:01:00+00', 'petra', 'version.production', 'models/churn/versions/1', 'better', '{"stage": "staging"}', '{"stage": "production"}', '9e210f3264444b50eff00755d08f25929b4d8ce2a3174357a62b7261d3325310', '8fb8dcd74e5e2eb424a65cb1bfdaef3271559ba3f4708a92de2bafacc6478b21');
INSERT INTO public.audit_entries VALUES ('default', 13, '2026-01-01 00:02:00+00', 'admin', 'version.registered', 'models/churn/versions/2', '', NULL, '{"stage": "none", "run_id": "00000000000000000000000000000003", "manifest": "4810e3c93c679aa3a643a2f8e43808f522a2d42ce797ad418a52c2104c8f86da"}', '8fb8dcd74e5e2eb424a65cb1bfdaef3271559ba3f4708a92de2bafacc6478b21', 'e4e96bf798c84a47a8dbb8aa07825aa586aadb2565e714eb914085bd7281fe58');
INSERT INTO public.audit_entries VALUES ('default', 14, '2026-01-01 00:02:00+00', 'admin', 'version.staging', 'models/churn/versions/2', 'reviewed', '{"stage": "none"}', '{"stage": "staging"}', 'e4e96bf798c84a47a8dbb8aa07825aa586aadb2565e714eb914085bd7281fe58', '9f70bdf550577d9d25ce420a1ff7e5addf562a4c75c4a42a9999b0fc90ceec1d');
INSERT INTO public.audit_entries VALUES ('default', 15, '2026-01-01 00:02:00+00', 'admin', 'request.requested', 'models/churn/requests/req-1a98eed55d89434a8eecddf819972a97', 'better', NULL, '{"version": 2}', '9f70bdf550577d9d25ce420a1ff7e5addf562a4c75c4a42a9999b0fc90ceec1d', 'ec97e6cfcb9857d28b9e816fa2dffdaceb1631ebea1d6517bfcf1e2011119489');
INSERT INTO public.audit_entries VALUES ('default', 16, '2026-01-01 00:02:00+00', 'petra', 'request.approval_given', 'models/churn/requests/req-1a98eed55d89434a8eecddf819972a97', 'agreed', NULL, '{"version": 2}', 'ec97e6cfcb9857d28b9e816fa2dffdaceb1631ebea1d6517bfcf1e2011119489', '217dc750a9d543ef1c8c08eebaace7d473a7d354676d42a70f8e8b2ae0478b4c');
INSERT INTO public.audit_entries VALUES ('default', 17, '2026-01-01 00:02:00+00', 'petra', 'request.approved', 'models/churn/requests/req-1a98eed55d89434a8eecddf819972a97', 'agreed', NULL, '{"version": 2}', '217dc750a9d543ef1c8c08eebaace7d473a7d354676d42a70f8e8b2ae0478b4c', '4fbfbe9fbcc9dcdc1dc89d979285d6ae6aef77dac69ab8401aadfbe215ec4e2d');
INSERT INTO public.audit_entries VALUES ('default', 18, '2026-01-01 00:02:00+00', 'petra', 'version.archived', 'models/churn/versions/1', 'version 2 took its place', '{"stage": "production"}', '{"stage": "archived"}', '4fbfbe9fbcc9dcdc1dc89d979285d6ae6aef77dac69ab8401aadfbe215ec4e2d', '10eb0b6970ae4325a38da471c8624ee293eb942ec836e4f2ed2e5d43e19e2747');
INSERT INTO public.audit_entries VALUES ('default', 19, '2026-01-01 00:02:00+00', 'petra', 'version.production', 'models/churn/versions/2', 'better', '{"stage": "staging"}', '{"stage": "production"}', '10eb0b6970ae4325a38da471c8624ee293eb942ec836e4f2ed2e5d43e19e2747', 'f6399dbf517ad50955ae030a53f3069977cb79acf384f447f8507697b8943bfe');
INSERT INTO public.audit_entries VALUES ('default', 20, '2026-01-01 00:03:00+00', 'admin', 'version.registered', 'models/churn/versions/3', '', NULL, '{"stage": "none", "run_id": "00000000000000000000000000000005", "manifest": "ae2818673251573e17c6565c0165e53a391f77ab3be1d939256eb99d85a0c260"}', 'f6399dbf517ad50955ae030a53f3069977cb79acf384f447f8507697b8943bfe', '4435b6af258972366f361e3b4c078bf5b83340939d72773a254d6dc927963bea');
INSERT INTO public.audit_entries VALUES ('default', 21, '2026-01-01 00:03:00+00', 'admin', 'policy.changed', 'models/churn/policy', '', '{"tags": [], "checks": [], "metrics": [], "approvers": [], "needed_approvals": 1}', '{"tags": ["by"], "checks": ["bias"], "metrics": ["auc"], "approvers": [], "needed_approvals": 2}', '4435b6af258972366f361e3b4c078bf5b83340939d72773a254d6dc927963bea', '97f26cf49d9dcc95c82d6cc4cb192d588b254652c7af6bafe96d8abd84dce92f');
INSERT INTO public.audit_entries VALUES ('default', 22, '2026-01-01 00:03:00+00', 'admin', 'check.recorded', 'models/churn/versions/3', 'by hand', NULL, '{"check": "bias", "is_passed": true}', '97f26cf49d9dcc95c82d6cc4cb192d588b254652c7af6bafe96d8abd84dce92f', 'bbbc6225c8dfac01d9d06d1671aeabbcce25e20a7e5239141f1c271e98f7a601');
INSERT INTO public.audit_entries VALUES ('default', 23, '2026-01-01 00:03:00+00', 'admin', 'version.staging', 'models/churn/versions/3', 'reviewed', '{"stage": "none"}', '{"stage": "staging"}', 'bbbc6225c8dfac01d9d06d1671aeabbcce25e20a7e5239141f1c271e98f7a601', '7ba50fc5a1e0f3e5179a878e65ccb58f3fdbe406daae77f55643bad6ea89b45b');
INSERT INTO public.audit_entries VALUES ('default', 24, '2026-01-01 00:03:00+00', 'admin', 'request.requested', 'models/churn/requests/req-d897447c626a410493a7a3e479f979c6', 'better', NULL, '{"version": 3}', '7ba50fc5a1e0f3e5179a878e65ccb58f3fdbe406daae77f55643bad6ea89b45b', '2d5dd62a67fcece8973dfcc1024c46078b7ec9cfbb7aa7df01b5d29882c40622');
INSERT INTO public.audit_entries VALUES ('default', 25, '2026-01-01 00:03:00+00', 'admin', 'job.queued', 'jobs/job-23d4389a4a264ff5b33ef01191366bfc', '', NULL, '{"kind": "deployment", "model_name": "churn"}', '2d5dd62a67fcece8973dfcc1024c46078b7ec9cfbb7aa7df01b5d29882c40622', 'f46b64e2d90cc5d952495f544407c52fd5ae74d7ee2cc54f18845ee008f8f5e2');
INSERT INTO public.audit_entries VALUES ('default', 26, '2026-01-01 00:03:00+00', 'admin', 'deployment.created', 'deployments/dep-b9def076a5714c559cdbddc229f2df3e', '', NULL, '{"model": "models/churn/versions/2", "replicas": 2, "namespace": "default"}', 'f46b64e2d90cc5d952495f544407c52fd5ae74d7ee2cc54f18845ee008f8f5e2', '996ee3d284d349e0f8bd9b4eeeabe4e655d2c54376f8d343b0b01349b9985432');
INSERT INTO public.bundles VALUES ('default', 'churn', 2, '/home/ada/.modelyard/bundles/default/churn/2', 'dc5170587f2ef68bb6a8e68032e1e8970833f6faf3ce053a709abb5ce94cdd6a', 'sklearn', '2f0d8dfc6f387680e8c3ba009dba4ee8e0bf92551f293f25065b6f3be6a52bd0', '/home/ada/.modelyard/environments/python', '2026-01-01 00:03:00+00');
INSERT INTO public.deployments VALUES ('dep-b9def076a5714c559cdbddc229f2df3e', 'default', 'default', 'churn', 2, 'fake', 2, true, 'pending', NULL, NULL, 0, 'job-23d4389a4a264ff5b33ef01191366bfc', 'admin', '2026-01-01 00:03:00+00', '2026-01-01 00:03:00+00');
INSERT INTO public.jobs VALUES ('job-23d4389a4a264ff5b33ef01191366bfc', 'default', 'deployment', 'queued', NULL, 'churn', '{"version": 2}', '{}', NULL, NULL, NULL, 'f3970b5e17373a7475f346f72a7bfcf27e4eeecc5359b10fbd2766a9df09a919', 'admin', '2026-01-01 00:03:00+00', NULL, NULL, false);
INSERT INTO public.locks VALUES ('2f0d8dfc6f387680e8c3ba009dba4ee8e0bf92551f293f25065b6f3be6a52bd0', 'modelyard-serving==1.0 \
    --hash=sha256:af50801d344df8cb16ffb61375442e1a0b29802c9e302df8b2e2ee940d66973e
scikit-learn==1.5.0 \
    --hash=sha256:38c033b2b481e3bb3fb127c49ca2e5d37dcbf89c6d50752dcda3b118cc57aaaf
', '2026-01-01 00:03:00+00');
INSERT INTO public.members VALUES ('default', 'admin', 'person', 'admin', '2026-01-01 00:00:00+00', 'modelyard', NULL);
INSERT INTO public.members VALUES ('default', 'petra', 'person', 'approver', '2026-01-01 00:00:00+00', 'admin', NULL);
INSERT INTO public.members VALUES ('acme', 'ada', 'person', 'admin', '2026-01-01 00:00:00+00', 'default/admin', NULL);
INSERT INTO public.models VALUES ('default', 'churn', '', '{}', 3, '2026-01-01 00:01:00+00', '2026-01-01 00:03:00+00', NULL);
INSERT INTO public.outbox VALUES (1, 'default', 'registry.mirror_version', '{"version": 1, "tenant_id": "default", "model_name": "churn"}', '2026-01-01 00:01:00+00', 0, '2026-01-01 00:01:00+00', NULL, NULL);
INSERT INTO public.outbox VALUES (2, 'default', 'registry.mirror_version', '{"version": 1, "tenant_id": "default", "model_name": "churn"}', '2026-01-01 00:01:00+00', 0, '2026-01-01 00:01:00+00', NULL, NULL);
INSERT INTO public.outbox VALUES (3, 'default', 'registry.mirror_version', '{"version": 1, "tenant_id": "default", "model_name": "churn"}', '2026-01-01 00:01:00+00', 0, '2026-01-01 00:01:00+00', NULL, NULL);
INSERT INTO public.outbox VALUES (4, 'default', 'registry.mirror_version', '{"version": 2, "tenant_id": "default", "model_name": "churn"}', '2026-01-01 00:02:00+00', 0, '2026-01-01 00:02:00+00', NULL, NULL);
INSERT INTO public.outbox VALUES (5, 'default', 'registry.mirror_version', '{"version": 2, "tenant_id": "default", "model_name": "churn"}', '2026-01-01 00:02:00+00', 0, '2026-01-01 00:02:00+00', NULL, NULL);
INSERT INTO public.outbox VALUES (6, 'default', 'registry.mirror_version', '{"version": 1, "tenant_id": "default", "model_name": "churn"}', '2026-01-01 00:02:00+00', 0, '2026-01-01 00:02:00+00', NULL, NULL);
INSERT INTO public.outbox VALUES (7, 'default', 'registry.mirror_version', '{"version": 2, "tenant_id": "default", "model_name": "churn"}', '2026-01-01 00:02:00+00', 0, '2026-01-01 00:02:00+00', NULL, NULL);
INSERT INTO public.outbox VALUES (8, 'default', 'registry.mirror_version', '{"version": 3, "tenant_id": "default", "model_name": "churn"}', '2026-01-01 00:03:00+00', 0, '2026-01-01 00:03:00+00', NULL, NULL);
INSERT INTO public.outbox VALUES (9, 'default', 'registry.mirror_version', '{"version": 3, "tenant_id": "default", "model_name": "churn"}', '2026-01-01 00:03:00+00', 0, '2026-01-01 00:03:00+00', NULL, NULL);
INSERT INTO public.policies VALUES ('default', 'churn', '{"tags": {"by": null}, "checks": ["bias"], "metrics": [{"metric": "auc", "baseline": "absolute", "direction": "higher", "threshold": 0.85}], "approvers": [], "auto_staging": false, "needed_approvals": 2, "expires_after_hours": 336.0}', 1, '2026-01-01 00:03:00+00', 'admin');
INSERT INTO public.promotion_approvals VALUES ('req-9b57864cb2844200848673154c0afa96', 'petra', '2026-01-01 00:01:00+00', 'agreed');
INSERT INTO public.promotion_approvals VALUES ('req-1a98eed55d89434a8eecddf819972a97', 'petra', '2026-01-01 00:02:00+00', 'agreed');
INSERT INTO public.promotion_requests VALUES ('req-9b57864cb2844200848673154c0afa96', 'default', 'churn', 1, 'approved', 'better', 'admin', '2026-01-01 00:01:00+00', '2026-01-15 00:01:00+00', '[]', '515efa5ecb3d22607745a00de9152e29890a0cb9bfde35679e740ad4000da95a', 1, 'petra', '2026-01-01 00:01:00+00', 'agreed', 2);
INSERT INTO public.promotion_requests VALUES ('req-1a98eed55d89434a8eecddf819972a97', 'default', 'churn', 2, 'approved', 'better', 'admin', '2026-01-01 00:02:00+00', '2026-01-15 00:02:00+00', '[]', '0a70e87c7bd14fd0fd1751a7b2c054e5e0b08005c0087efe141183e682aa713d', 1, 'petra', '2026-01-01 00:02:00+00', 'agreed', 2);
INSERT INTO public.promotion_requests VALUES ('req-d897447c626a410493a7a3e479f979c6', 'default', 'churn', 3, 'requested', 'better', 'admin', '2026-01-01 00:03:00+00', '2026-01-15 00:03:00+00', '[{"rule": "metric:auc", "is_met": true, "message": "metric ''auc'': expected at least 0.85, got 0.95"}, {"rule": "tag:by", "is_met": true, "message": "tag ''by'': got ''me''"}, {"rule": "check:bias", "is_met": true, "message": "check ''bias'': passed"}]', '35d2b0cc21488156a2a60d413ec7a0a9c0651636118450606a96edb7a751ec65', 2, NULL, NULL, NULL, 1);
INSERT INTO public.tenants VALUES ('default', 'default', '{}', '2026-01-01 00:00:00+00');
INSERT INTO public.tenants VALUES ('acme', 'Acme', '{"models": 20}', '2026-01-01 00:00:00+00');
INSERT INTO public.tokens VALUES ('token-4786e502bc614874a8e8ea4692fe0326', 'default', 'admin', 'first token', NULL, '243c5210a763836b553a4c3f843f72fbb4a48cd91dd02fe2836403a8bbe397c4', '2026-01-01 00:00:00+00', 'modelyard', NULL, NULL, NULL);
INSERT INTO public.tokens VALUES ('token-9a3d683ec8864e3bb5c2117d1926c2c7', 'default', 'petra', 'laptop', NULL, '4aa2fea80250f09ab6bd52c5c347a3e42bf822d5c2ab48e597740aaadf668bf4', '2026-01-01 00:00:00+00', 'admin', NULL, NULL, NULL);
INSERT INTO public.tokens VALUES ('token-6b3d647fc13348d7a359e5f2d110aed6', 'acme', 'ada', 'first token', NULL, 'ad6a6fca881052586538d481689f6cdfe065a2ab492dbd515acfb696bb1417fa', '2026-01-01 00:00:00+00', 'default/admin', NULL, NULL, NULL);
INSERT INTO public.version_checks VALUES ('default', 'churn', 3, 'bias', true, 'by hand', '2026-01-01 00:03:00+00', 'admin');
INSERT INTO public.version_files VALUES ('default', 'churn', 1, 'MLmodel', 'd944dcedfa7859cf9a0cf3c8be0241101101149a5026d1d1070953523e7951d6', 23);
INSERT INTO public.version_files VALUES ('default', 'churn', 1, 'model.pkl', 'e0cca2965509df678c8064f5e0b9076016fa752f88a6c749768db83479450cc5', 32);
INSERT INTO public.version_files VALUES ('default', 'churn', 1, 'requirements.txt', 'b6ab5e88e450b666e6d60fdaa36f33f5962c592b8862c42d409442030549fc26', 20);
INSERT INTO public.version_files VALUES ('default', 'churn', 2, 'MLmodel', 'd944dcedfa7859cf9a0cf3c8be0241101101149a5026d1d1070953523e7951d6', 23);
INSERT INTO public.version_files VALUES ('default', 'churn', 2, 'model.pkl', '19d8d35c06ab2cb2ae937b5b8dd4c8570a15280b813e6f0c534b258c9954c7c6', 32);
INSERT INTO public.version_files VALUES ('default', 'churn', 2, 'requirements.txt', 'b6ab5e88e450b666e6d60fdaa36f33f5962c592b8862c42d409442030549fc26', 20);
INSERT INTO public.version_files VALUES ('default', 'churn', 3, 'MLmodel', 'd944dcedfa7859cf9a0cf3c8be0241101101149a5026d1d1070953523e7951d6', 23);
INSERT INTO public.version_files VALUES ('default', 'churn', 3, 'model.pkl', '2dc3b97b1e90788f360b3e5ad8dda3b159ff696d7f313bcd8eb019f597793358', 32);
INSERT INTO public.version_files VALUES ('default', 'churn', 3, 'requirements.txt', 'b6ab5e88e450b666e6d60fdaa36f33f5962c592b8862c42d409442030549fc26', 20);
INSERT INTO public.versions VALUES ('default', 'churn', 1, 'archived', 'models:/m-00000000000000000000000000000002', 'mlflow-artifacts:/models/m-00000000000000000000000000000002/artifacts', '00000000000000000000000000000001', 'churn', '', '{"by": "me"}', '{"auc": 0.8, "loss": 0.19999999999999996}', '{"depth": "3"}', NULL, '5433b5bc7f84f6998a8fe240112b5ed897170dd703fd0164794fe14f136c6a5f', 75, NULL, NULL, '2026-01-01 00:01:00+00', 'admin', 4, NULL);
INSERT INTO public.versions VALUES ('default', 'churn', 2, 'production', 'models:/m-00000000000000000000000000000004', 'mlflow-artifacts:/models/m-00000000000000000000000000000004/artifacts', '00000000000000000000000000000003', 'churn', '', '{"by": "me", "team": "risk"}', '{"auc": 0.9, "loss": 0.09999999999999998}', '{"depth": "3"}', NULL, '4810e3c93c679aa3a643a2f8e43808f522a2d42ce797ad418a52c2104c8f86da', 75, NULL, NULL, '2026-01-01 00:02:00+00', 'admin', 3, NULL);
INSERT INTO public.versions VALUES ('default', 'churn', 3, 'staging', 'models:/m-00000000000000000000000000000006', 'mlflow-artifacts:/models/m-00000000000000000000000000000006/artifacts', '00000000000000000000000000000005', 'churn', 'wider', '{"by": "me"}', '{"auc": 0.95, "loss": 0.050000000000000044}', '{"depth": "3"}', NULL, 'ae2818673251573e17c6565c0165e53a391f77ab3be1d939256eb99d85a0c260', 75, NULL, NULL, '2026-01-01 00:03:00+00', 'admin', 2, NULL);
SELECT pg_catalog.setval('public.outbox_id_seq', 9, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.audit_entries
    ADD CONSTRAINT pk_audit_entries PRIMARY KEY (tenant_id, sequence);
ALTER TABLE ONLY public.bundles
    ADD CONSTRAINT pk_bundles PRIMARY KEY (tenant_id, model_name, version);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT pk_deployments PRIMARY KEY (id);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT pk_jobs PRIMARY KEY (id);
ALTER TABLE ONLY public.locks
    ADD CONSTRAINT pk_locks PRIMARY KEY (digest);
ALTER TABLE ONLY public.members
    ADD CONSTRAINT pk_members PRIMARY KEY (tenant_id, subject);
ALTER TABLE ONLY public.models
    ADD CONSTRAINT pk_models PRIMARY KEY (tenant_id, name);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);
ALTER TABLE ONLY public.policies
    ADD CONSTRAINT pk_policies PRIMARY KEY (tenant_id, model_name);
ALTER TABLE ONLY public.promotion_approvals
    ADD CONSTRAINT pk_promotion_approvals PRIMARY KEY (request_id, subject);
ALTER TABLE ONLY public.promotion_requests
    ADD CONSTRAINT pk_promotion_requests PRIMARY KEY (id);
ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT pk_tenants PRIMARY KEY (id);
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT pk_tokens PRIMARY KEY (id);
ALTER TABLE ONLY public.version_checks
    ADD CONSTRAINT pk_version_checks PRIMARY KEY (tenant_id, model_name, version, name);
ALTER TABLE ONLY public.version_files
    ADD CONSTRAINT pk_version_files PRIMARY KEY (tenant_id, model_name, version, path);
ALTER TABLE ONLY public.versions
    ADD CONSTRAINT pk_versions PRIMARY KEY (tenant_id, model_name, version);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT uq_deployments_job_id UNIQUE (job_id);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT uq_jobs_tenant_id_idempotency_key UNIQUE (tenant_id, idempotency_key);
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT uq_tokens_digest UNIQUE (digest);
ALTER TABLE ONLY public.versions
    ADD CONSTRAINT uq_versions_job_id UNIQUE (job_id);
CREATE INDEX ix_audit_entries_subject ON public.audit_entries USING btree (tenant_id, subject, sequence);
CREATE INDEX ix_deployments_status ON public.deployments USING btree (status);
CREATE INDEX ix_deployments_tenant_id_created_at ON public.deployments USING btree (tenant_id, created_at, id);
CREATE INDEX ix_jobs_status ON public.jobs USING btree (status);
CREATE INDEX ix_jobs_tenant_id_created_at ON public.jobs USING btree (tenant_id, created_at, id);
CREATE INDEX ix_outbox_next_attempt_at ON public.outbox USING btree (next_attempt_at);
CREATE INDEX ix_promotion_requests_model ON public.promotion_requests USING btree (tenant_id, model_name, requested_at, id);
CREATE UNIQUE INDEX ix_promotion_requests_one_open ON public.promotion_requests USING btree (tenant_id, model_name, version) WHERE ((status)::text = 'requested'::text);
CREATE INDEX ix_tokens_tenant_id_created_at ON public.tokens USING btree (tenant_id, created_at, id);
CREATE UNIQUE INDEX ix_versions_one_production ON public.versions USING btree (tenant_id, model_name) WHERE ((stage)::text = 'production'::text);
CREATE INDEX ix_versions_run_id ON public.versions USING btree (run_id);
ALTER TABLE ONLY public.bundles
    ADD CONSTRAINT fk_bundles_tenant_id_model_name_version_versions FOREIGN KEY (tenant_id, model_name, version) REFERENCES public.versions(tenant_id, model_name, version);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT fk_deployments_tenant_id_model_name_version_versions FOREIGN KEY (tenant_id, model_name, version) REFERENCES public.versions(tenant_id, model_name, version);
ALTER TABLE ONLY public.members
    ADD CONSTRAINT fk_members_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);
ALTER TABLE ONLY public.policies
    ADD CONSTRAINT fk_policies_tenant_id_model_name_models FOREIGN KEY (tenant_id, model_name) REFERENCES public.models(tenant_id, name);
ALTER TABLE ONLY public.promotion_approvals
    ADD CONSTRAINT fk_promotion_approvals_request_id_promotion_requests FOREIGN KEY (request_id) REFERENCES public.promotion_requests(id);
ALTER TABLE ONLY public.promotion_requests
    ADD CONSTRAINT fk_promotion_requests_tenant_id_model_name_version_versions FOREIGN KEY (tenant_id, model_name, version) REFERENCES public.versions(tenant_id, model_name, version);
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT fk_tokens_tenant_id_subject_members FOREIGN KEY (tenant_id, subject) REFERENCES public.members(tenant_id, subject);
ALTER TABLE ONLY public.version_checks
    ADD CONSTRAINT fk_version_checks_tenant_id_model_name_version_versions FOREIGN KEY (tenant_id, model_name, version) REFERENCES public.versions(tenant_id, model_name, version);
ALTER TABLE ONLY public.version_files
    ADD CONSTRAINT fk_version_files_tenant_id_model_name_version_versions FOREIGN KEY (tenant_id, model_name, version) REFERENCES public.versions(tenant_id, model_name, version);
ALTER TABLE ONLY public.versions
    ADD CONSTRAINT fk_versions_tenant_id_model_name_models FOREIGN KEY (tenant_id, model_name) REFERENCES public.models(tenant_id, name);

