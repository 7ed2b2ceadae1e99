// Version sets, APIs and releases, exported by Modelyard.
// apis/ml-model-v1: the release makes revision 2 current, and Azure then knows it by the API's own id, and revision 1 by 'ml-model-v1;rev=1'.
targetScope = 'resourceGroup'

@description('The name of the service.')
param serviceName string

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource api_version_set 'Microsoft.ApiManagement/service/apiVersionSets@2024-05-01' = {
  parent: service
  name: 'api-version-set'
  properties: {
    displayName: 'ML Model Serving Versions'
    versioningScheme: 'Segment'
  }
}

resource by_header 'Microsoft.ApiManagement/service/apiVersionSets@2024-05-01' = {
  parent: service
  name: 'by-header'
  properties: {
    displayName: 'It\'s \${quoted} \\ "twice"'
    versioningScheme: 'Header'
    versionHeaderName: 'Api-Version'
  }
}

resource ml_model_v1 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: 'ml-model-v1'
  properties: {
    displayName: 'ML Model Serving v1'
    path: 'ml-model'
    protocols: [
      'https'
    ]
    serviceUrl: 'http://backend-for-ml-model-v1'
    description: 'Version 1 of the ML Model Serving API'
    apiVersion: 'v1'
    apiVersionSetId: api_version_set.id
  }
}

resource ml_model_v1_all_get 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1
  name: 'all-get'
  properties: {
    displayName: 'GET: every path'
    method: 'GET'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_all_head 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1
  name: 'all-head'
  properties: {
    displayName: 'HEAD: every path'
    method: 'HEAD'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_all_post 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1
  name: 'all-post'
  properties: {
    displayName: 'POST: every path'
    method: 'POST'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_all_put 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1
  name: 'all-put'
  properties: {
    displayName: 'PUT: every path'
    method: 'PUT'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_all_patch 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1
  name: 'all-patch'
  properties: {
    displayName: 'PATCH: every path'
    method: 'PATCH'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_all_delete 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1
  name: 'all-delete'
  properties: {
    displayName: 'DELETE: every path'
    method: 'DELETE'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_all_options 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1
  name: 'all-options'
  properties: {
    displayName: 'OPTIONS: every path'
    method: 'OPTIONS'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_rev_2 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: 'ml-model-v1;rev=2'
  properties: {
    displayName: 'ML Model Serving v1'
    path: 'ml-model'
    protocols: [
      'https'
    ]
    serviceUrl: 'http://second'
    description: 'Version 1 of the ML Model Serving API'
    apiVersion: 'v1'
    apiVersionSetId: api_version_set.id
    apiRevision: '2'
    sourceApiId: ml_model_v1.id
    apiRevisionDescription: 'line\nbreak'
  }
}

resource ml_model_v1_rev_2_all_get 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1_rev_2
  name: 'all-get'
  properties: {
    displayName: 'GET: every path'
    method: 'GET'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_rev_2_all_head 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1_rev_2
  name: 'all-head'
  properties: {
    displayName: 'HEAD: every path'
    method: 'HEAD'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_rev_2_all_post 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1_rev_2
  name: 'all-post'
  properties: {
    displayName: 'POST: every path'
    method: 'POST'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_rev_2_all_put 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1_rev_2
  name: 'all-put'
  properties: {
    displayName: 'PUT: every path'
    method: 'PUT'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_rev_2_all_patch 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1_rev_2
  name: 'all-patch'
  properties: {
    displayName: 'PATCH: every path'
    method: 'PATCH'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_rev_2_all_delete 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1_rev_2
  name: 'all-delete'
  properties: {
    displayName: 'DELETE: every path'
    method: 'DELETE'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_rev_2_all_options 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: ml_model_v1_rev_2
  name: 'all-options'
  properties: {
    displayName: 'OPTIONS: every path'
    method: 'OPTIONS'
    urlTemplate: '/*'
  }
}

resource ml_model_v1_rev_2_policy 'Microsoft.ApiManagement/service/apis/policies@2024-05-01' = {
  parent: ml_model_v1_rev_2
  name: 'policy'
  properties: {
    format: 'rawxml'
    value: '<policies><inbound><base /></inbound><backend><forward-request timeout="30" /></backend><outbound><base /></outbound><on-error><base /></on-error></policies>'
  }
}

resource ml_model_v1_second 'Microsoft.ApiManagement/service/apis/releases@2024-05-01' = {
  parent: ml_model_v1
  name: 'second'
  properties: {
    apiId: ml_model_v1_rev_2.id
    notes: 'Faster'
  }
}

resource api_class 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: 'class'
  properties: {
    displayName: 'ML Model Serving v1'
    path: 'class'
    protocols: [
      'http'
      'https'
    ]
    serviceUrl: 'http://backend-for-ml-model-v1'
    apiVersion: '2'
    apiVersionSetId: by_header.id
    subscriptionRequired: false
    subscriptionKeyParameterNames: {
      header: 'X-Key'
      query: 'k'
    }
  }
}

resource class_all_get 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: api_class
  name: 'all-get'
  properties: {
    displayName: 'GET: every path'
    method: 'GET'
    urlTemplate: '/*'
  }
}

resource class_all_head 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: api_class
  name: 'all-head'
  properties: {
    displayName: 'HEAD: every path'
    method: 'HEAD'
    urlTemplate: '/*'
  }
}

resource class_all_post 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: api_class
  name: 'all-post'
  properties: {
    displayName: 'POST: every path'
    method: 'POST'
    urlTemplate: '/*'
  }
}

resource class_all_put 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: api_class
  name: 'all-put'
  properties: {
    displayName: 'PUT: every path'
    method: 'PUT'
    urlTemplate: '/*'
  }
}

resource class_all_patch 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: api_class
  name: 'all-patch'
  properties: {
    displayName: 'PATCH: every path'
    method: 'PATCH'
    urlTemplate: '/*'
  }
}

resource class_all_delete 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: api_class
  name: 'all-delete'
  properties: {
    displayName: 'DELETE: every path'
    method: 'DELETE'
    urlTemplate: '/*'
  }
}

resource class_all_options 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: api_class
  name: 'all-options'
  properties: {
    displayName: 'OPTIONS: every path'
    method: 'OPTIONS'
    urlTemplate: '/*'
  }
}

resource class_first 'Microsoft.ApiManagement/service/apis/releases@2024-05-01' = {
  parent: api_class
  name: 'first'
  properties: {
    apiId: api_class.id
  }
}

resource team 'Microsoft.ApiManagement/service/products@2024-05-01' = {
  parent: service
  name: 'team'
  properties: {
    displayName: 'Team'
    state: 'published'
    description: 'For teams.'
    subscriptionRequired: true
  }
}

resource team_class 'Microsoft.ApiManagement/service/products/apis@2024-05-01' = {
  parent: team
  name: 'class'
  dependsOn: [
    api_class
  ]
}

resource team_policy 'Microsoft.ApiManagement/service/products/policies@2024-05-01' = {
  parent: team
  name: 'policy'
  properties: {
    format: 'rawxml'
    value: '<policies><inbound><base /><rate-limit calls="5" renewal-period="60" /></inbound><backend><base /></backend><outbound><base /></outbound><on-error><base /></on-error></policies>'
  }
}
